# spendwatch for a billing account: the app, an export of the account's costs and, if asked for, a role to ask for them.
# Whoever applies this is a person who is Enterprise Administrator (Enterprise Agreement) or owner of the
# billing account (Microsoft Customer Agreement), beside the rights in the subscription.
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

variable "billing_account" {
  type        = string
  description = "Name of the billing account."
}

variable "billing_role" {
  type        = string
  description = "Role of the app there under an Enterprise Agreement, if it asks Azure's APIs and not only its exports: ../README.md lists them. Those of a Microsoft Customer Agreement are not written but made by the action there."
  default     = ""
}

variable "location" {
  type        = string
  description = "Region of the resource group and all in it."
  default     = "westeurope"
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

data "azurerm_client_config" "current" {}

locals {
  billing_scope = "/providers/Microsoft.Billing/billingAccounts/${var.billing_account}"
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
  enable_cost_export      = true
  alert_emails            = var.alert_emails
  deployment_principal_id = var.deployment_principal_id
  enable_communication    = true
}

resource "azapi_resource" "billing_role" {
  count = var.billing_role == "" ? 0 : 1

  type      = "Microsoft.Billing/billingAccounts/billingRoleAssignments@2024-04-01"
  name      = uuidv5("url", "${local.billing_scope}/spendwatch")
  parent_id = local.billing_scope

  body = {
    properties = {
      principalId       = module.spendwatch.identity_principal_id
      principalTenantId = data.azurerm_client_config.current.tenant_id
      roleDefinitionId  = "${local.billing_scope}/billingRoleDefinitions/${var.billing_role}"
    }
  }
}

module "export" {
  source = "../../../terraform/scope"

  scope              = local.billing_scope
  assign_roles       = false
  enable_cost_export = true
  export_type        = "FocusCost"
  export_location    = azurerm_resource_group.group.location
  export_storage_id  = module.spendwatch.export_storage_account_id
}

# An export signs in by an identity of its own, which there is only once the export is made.
resource "azurerm_role_assignment" "export_access" {
  scope                = "${module.spendwatch.export_storage_account_id}/blobServices/default/containers/exports"
  principal_id         = module.export.export_principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Blob Data Contributor"
}

# All outputs of the module: terraform output -json spendwatch
output "spendwatch" {
  value = module.spendwatch
}
