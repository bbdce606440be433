# spendwatch in one subscription for all subscriptions of a management group: one role at the group, and
# an export of costs in each of those that are large.
# ../README.md has the commands.

terraform {
  required_version = ">= 1.11"

  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.12"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.0"
    }
  }
}

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true

  resource_providers_to_register = [
    "Microsoft.App",
    "Microsoft.Communication",
    "Microsoft.Consumption",
    "Microsoft.CostManagement",
    "Microsoft.CostManagementExports",
    "Microsoft.EventGrid",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.Storage",
    "Microsoft.Web",
  ]

  features {
    # Azure adds resources of its own to the group, which is deleted with all in it.
    resource_group {
      prevent_deletion_if_contains_resources = false
    }

    # Nothing here needs more of storage than Resource Manager offers, so a closed account is no obstacle.
    storage {
      data_plane_available = false
    }
  }
}

provider "azapi" {
  subscription_id = var.subscription_id
}

variable "subscription_id" {
  type        = string
  description = "Subscription that spendwatch runs in."
}

variable "management_group" {
  type        = string
  description = "Name of the management group whose costs are read."
}

variable "location" {
  type        = string
  description = "Region of the resource group and all in it."
  default     = "westeurope"
}

variable "export_subscription_ids" {
  type        = list(string)
  description = "Subscriptions whose costs are exported rather than asked for."
  default     = []
}

variable "apply_native_budgets" {
  type        = bool
  description = "Whether the app may write the budgets that Azure keeps."
  default     = false
}

variable "read_action_groups" {
  type        = bool
  description = "Whether the app may read the action groups that budgets of Azure name, by a role that reads the settings of all resources."
  default     = false
}

variable "alert_emails" {
  type        = list(string)
  description = "Mail addresses that hear when spendwatch itself does not work."
}

variable "deployment_principal_id" {
  type        = string
  description = "Object id of whoever uploads configuration and secrets."
  default     = ""
}

resource "azurerm_resource_group" "group" {
  name     = "spendwatch"
  location = var.location
}

module "spendwatch" {
  source = "../../../terraform/main"

  resource_group_name     = azurerm_resource_group.group.name
  location                = azurerm_resource_group.group.location
  config_source           = "blob"
  enable_cost_export      = length(var.export_subscription_ids) > 0
  alert_emails            = var.alert_emails
  deployment_principal_id = var.deployment_principal_id
  enable_communication    = true
}

module "roles" {
  source = "../../../terraform/scope"

  scope                = "/providers/Microsoft.Management/managementGroups/${var.management_group}"
  principal_id         = module.spendwatch.identity_principal_id
  apply_native_budgets = var.apply_native_budgets
  read_action_groups   = var.read_action_groups
}

module "exports" {
  source   = "../../../terraform/scope"
  for_each = toset(var.export_subscription_ids)

  scope              = "/subscriptions/${each.value}"
  assign_roles       = false
  enable_cost_export = true
  export_type        = "FocusCost"
  export_location    = azurerm_resource_group.group.location
  export_storage_id  = module.spendwatch.export_storage_account_id
}

# An export signs in by an identity of its own, which there is only once the export is made.
resource "azurerm_role_assignment" "export_access" {
  for_each = toset(var.export_subscription_ids)

  scope                = "${module.spendwatch.export_storage_account_id}/blobServices/default/containers/exports"
  principal_id         = module.exports[each.value].export_principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Blob Data Contributor"
}

# All outputs of the module: terraform output -json spendwatch
output "spendwatch" {
  value = module.spendwatch
}
