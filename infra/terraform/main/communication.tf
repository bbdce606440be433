# Mail by Azure Communication Services, from a domain that Azure manages.

locals {
  communication = var.enable_communication ? 1 : 0
}

resource "azurerm_email_communication_service" "email_service" {
  count = local.communication

  name                = "acse-${local.base}"
  resource_group_name = var.resource_group_name
  tags                = var.tags
  data_location       = var.data_location
}

resource "azurerm_email_communication_service_domain" "email_domain" {
  count = local.communication

  name                             = "AzureManagedDomain"
  email_service_id                 = azurerm_email_communication_service.email_service[0].id
  tags                             = var.tags
  domain_management                = "AzureManaged"
  user_engagement_tracking_enabled = false
}

# By azapi, which can switch keys off.
resource "azapi_resource" "communication_service" {
  count = local.communication

  type      = "Microsoft.Communication/communicationServices@2025-09-01"
  name      = "acs-${local.base}"
  parent_id = local.resource_group_id
  location  = "global"
  tags      = var.tags

  body = {
    properties = {
      dataLocation     = var.data_location
      disableLocalAuth = true
      linkedDomains    = concat([azurerm_email_communication_service_domain.email_domain[0].id], var.email_domain_ids)
    }
  }

  response_export_values = ["properties.hostName"]
}

# The smallest role that is there for sending, on this one resource.
resource "azurerm_role_assignment" "mail_role" {
  count = var.enable_communication && var.assign_roles ? 1 : 0

  scope                = azapi_resource.communication_service[0].id
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Communication and Email Service Owner"
}
