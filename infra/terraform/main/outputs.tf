output "function_app_name" {
  description = "Name of the function app."
  value       = azapi_resource.site.name
}

output "function_app_id" {
  description = "Resource id of the function app."
  value       = azapi_resource.site.id
}

output "function_app_url" {
  description = "Address of the function app."
  value       = "https://${azapi_resource.site.output.properties.defaultHostName}"
}

output "resource_group_name" {
  description = "Name of the resource group."
  value       = var.resource_group_name
}

output "identity_principal_id" {
  description = "Object id of the identity."
  value       = azurerm_user_assigned_identity.identity.principal_id
}

output "identity_client_id" {
  description = "Client id of the identity."
  value       = azurerm_user_assigned_identity.identity.client_id
}

output "identity_id" {
  description = "Resource id of the identity."
  value       = azurerm_user_assigned_identity.identity.id
}

output "storage_account_name" {
  description = "Name of the storage account."
  value       = azurerm_storage_account.storage.name
}

output "config_container_url" {
  description = "Address of the container that the configuration is uploaded to."
  value       = "${azurerm_storage_account.storage.primary_blob_endpoint}config"
}

output "key_vault_name" {
  description = "Name of the vault."
  value       = azurerm_key_vault.vault.name
}

output "key_vault_uri" {
  description = "Address of the vault."
  value       = azurerm_key_vault.vault.vault_uri
}

output "application_insights_name" {
  description = "Name of the Application Insights component."
  value       = azurerm_application_insights.component.name
}

output "log_analytics_workspace_id" {
  description = "Resource id of the Log Analytics workspace."
  value       = local.workspace_id
}

output "export_container_url" {
  description = "Address of the container that exports land in; empty without one."
  value       = var.enable_cost_export ? "${azurerm_storage_account.export_storage[0].primary_blob_endpoint}exports" : ""
}

output "export_storage_account_id" {
  description = "Resource id of the account that exports land in; empty without one."
  value       = var.enable_cost_export ? azurerm_storage_account.export_storage[0].id : ""
}

output "communication_endpoint" {
  description = "Address of the mail service, the endpoint of an acs-email channel; empty without one."
  value       = var.enable_communication ? "https://${azapi_resource.communication_service[0].output.properties.hostName}" : ""
}

output "mail_from" {
  description = "Address that mails may come from, the from of an acs-email channel; empty without one."
  value       = var.enable_communication ? "DoNotReply@${azurerm_email_communication_service_domain.email_domain[0].mail_from_sender_domain}" : ""
}

output "native_alert_group_id" {
  description = "Resource id of the action group for the budgets that Azure keeps; empty without one."
  value       = var.enable_action_group ? azapi_resource.native_alert_group[0].id : ""
}
