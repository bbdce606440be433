# An identity that carries out actions and does nothing else: it may neither read costs nor change
# anything that the chosen kinds of actions do not need. Without it no action changes a resource.

terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.0"
    }
  }
}

locals {
  rights = {
    "add-tag" = [
      "Microsoft.Resources/subscriptions/resources/read",
      "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
      "Microsoft.Resources/tags/read",
      "Microsoft.Resources/tags/write",
    ]
    "automation" = [
      "Microsoft.Automation/automationAccounts/jobs/write",
      "Microsoft.Automation/automationAccounts/runbooks/read",
    ]
    "deallocate-vms" = [
      "Microsoft.Compute/virtualMachines/read",
      "Microsoft.Compute/virtualMachines/instanceView/read",
      "Microsoft.Compute/virtualMachines/deallocate/action",
      "Microsoft.Compute/virtualMachines/start/action",
    ]
    "scale-plan" = [
      "Microsoft.Web/serverfarms/read",
      "Microsoft.Web/serverfarms/write",
    ]
  }

  subscription = "/subscriptions/${var.subscription_id}"

  scopes = length(var.resource_groups) == 0 ? [local.subscription] : [
    for group in var.resource_groups : "${local.subscription}/resourceGroups/${group}"
  ]
}

resource "azurerm_user_assigned_identity" "actions" {
  name                = var.name
  location            = var.location
  resource_group_name = var.identity_resource_group
  tags                = var.tags
}

resource "azurerm_role_definition" "actions" {
  name              = "${var.name} of ${var.identity_resource_group} in ${var.subscription_id}"
  description       = "What actions of budgets need, and no more."
  scope             = local.subscription
  assignable_scopes = [local.subscription]

  permissions {
    actions = flatten([for kind in var.kinds : local.rights[kind]])
  }
}

resource "azurerm_role_assignment" "actions" {
  for_each = toset(local.scopes)

  scope              = each.value
  principal_id       = azurerm_user_assigned_identity.actions.principal_id
  principal_type     = "ServicePrincipal"
  role_definition_id = azurerm_role_definition.actions.role_definition_resource_id
}
