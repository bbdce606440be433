# What the identity of the app may do.

resource "azurerm_role_assignment" "blob_role" {
  count = var.assign_roles ? 1 : 0

  scope                = azurerm_storage_account.storage.id
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Blob Data Owner"
}

resource "azurerm_role_assignment" "queue_role" {
  count = var.assign_roles ? 1 : 0

  scope                = azurerm_storage_account.storage.id
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Queue Data Contributor"
}

resource "azurerm_role_assignment" "table_role" {
  count = var.assign_roles ? 1 : 0

  scope                = azurerm_storage_account.storage.id
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Table Data Contributor"
}

resource "azurerm_role_assignment" "secrets_role" {
  count = var.assign_roles ? 1 : 0

  scope                = azurerm_key_vault.vault.id
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Key Vault Secrets User"
}

resource "azurerm_role_assignment" "metrics_role" {
  count = var.assign_roles ? 1 : 0

  scope                = azurerm_application_insights.component.id
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Monitoring Metrics Publisher"
}

# What whoever deploys may do: the configuration and the secrets, but not the state. Packages go to the app, which
# stores them itself.

resource "azurerm_role_assignment" "config_upload_role" {
  count = var.assign_roles && var.deployment_principal_id != "" ? 1 : 0

  scope                = azurerm_storage_container.config_container.id
  principal_id         = var.deployment_principal_id
  role_definition_name = "Storage Blob Data Contributor"
}

resource "azurerm_role_assignment" "secrets_upload_role" {
  count = var.assign_roles && var.deployment_principal_id != "" ? 1 : 0

  scope                = azurerm_key_vault.vault.id
  principal_id         = var.deployment_principal_id
  role_definition_name = "Key Vault Secrets Officer"
}

module "subscriptions" {
  source   = "../scope"
  for_each = toset(var.assign_roles ? var.subscription_ids : [])

  scope                = "/subscriptions/${each.value}"
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  apply_native_budgets = var.apply_native_budgets
  read_action_groups   = var.read_action_groups
}
