# spendwatch for one subscription, with a resource group of its own.
# ../../../README.md has the commands.

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
  description = "Subscription that spendwatch runs in, and whose costs it reads."
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

resource "azurerm_resource_group" "group" {
  name     = "spendwatch"
  location = var.location
}

module "spendwatch" {
  source = "../../../terraform/main"

  resource_group_name     = azurerm_resource_group.group.name
  location                = azurerm_resource_group.group.location
  config_source           = "blob"
  subscription_ids        = [var.subscription_id]
  alert_emails            = var.alert_emails
  deployment_principal_id = var.deployment_principal_id
  enable_communication    = true
}

# All outputs of the module: terraform output -json spendwatch
output "spendwatch" {
  value = module.spendwatch
}
