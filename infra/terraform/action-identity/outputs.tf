output "client_id" {
  description = "Value of ACTIONS_CLIENT_ID."
  value       = azurerm_user_assigned_identity.actions.client_id
}

output "identity_id" {
  description = "Id of the identity, to be attached to the function app."
  value       = azurerm_user_assigned_identity.actions.id
}
