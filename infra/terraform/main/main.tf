# spendwatch in one resource group: the function app on Flex Consumption, what it keeps, what it tells
# of itself, and what its identity may do. Nothing in here holds a secret: identities sign in
# everywhere, and secrets are written to the vault by whoever has them.

data "azurerm_client_config" "current" {}

locals {
  resource_group_id = "/subscriptions/${data.azurerm_client_config.current.subscription_id}/resourceGroups/${var.resource_group_name}"

  suffix       = var.name_suffix == "" ? substr(provider::azapi::unique_string([local.resource_group_id]), 0, 6) : var.name_suffix
  base         = "${var.name}-${local.suffix}"
  storage_name = "st${replace(local.base, "-", "")}"
  vault_name   = "kv-${local.base}"
  is_private   = var.network_mode == "private"

  # The service that tells of exports writes to a queue of the account; it is let in as a trusted service.
  storage_bypass = local.is_private && !var.enable_cost_export ? "None" : "AzureServices"

  workspace_id = var.log_analytics_workspace_id == "" ? azurerm_log_analytics_workspace.workspace[0].id : var.log_analytics_workspace_id

  queue_names = [
    "evaluations",
    "evaluations-poison",
    "deliveries",
    "deliveries-poison",
    "exports",
    "exports-poison",
  ]

  # The connection string signs nobody in, because the component takes tokens only.
  app_settings = merge({
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${azurerm_user_assigned_identity.identity.client_id};Authorization=AAD"
    APPLICATIONINSIGHTS_CONNECTION_STRING     = nonsensitive(azurerm_application_insights.component.connection_string)
    AZURE_CLIENT_ID                           = azurerm_user_assigned_identity.identity.client_id
    AzureWebJobsStorage__blobServiceUri       = azurerm_storage_account.storage.primary_blob_endpoint
    AzureWebJobsStorage__clientId             = azurerm_user_assigned_identity.identity.client_id
    AzureWebJobsStorage__credential           = "managedidentity"
    AzureWebJobsStorage__queueServiceUri      = azurerm_storage_account.storage.primary_queue_endpoint
    AzureWebJobsStorage__tableServiceUri      = azurerm_storage_account.storage.primary_table_endpoint
    EVALUATE_SCHEDULE                         = var.evaluate_schedule
    SPENDWATCH_LOG                            = var.log_level
    SYNC_SCHEDULE                             = var.sync_schedule
    }, var.config_source == "blob" ? {
    SPENDWATCH_CONFIG = "${azurerm_storage_account.storage.primary_blob_endpoint}config"
    } : {}, var.action_client_id == "" ? {} : {
    ACTIONS_CLIENT_ID = var.action_client_id
    }, var.otlp_endpoint == "" ? {} : {
    OTEL_EXPORTER_OTLP_ENDPOINT = var.otlp_endpoint
  }, var.extra_settings)

  # Without a version in it a reference follows the newest one.
  secret_settings = {
    for setting, secret in var.secret_settings :
    setting => "@Microsoft.KeyVault(SecretUri=${azurerm_key_vault.vault.vault_uri}secrets/${secret}/)"
  }
}

# Who the app is.

resource "azurerm_user_assigned_identity" "identity" {
  name                = "id-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

# What it keeps.

# State is written over and over. Soft delete keeps what was written over for two weeks, too;
# versions would keep all of it for ever.
resource "azurerm_storage_account" "storage" {
  name                             = local.storage_name
  location                         = var.location
  resource_group_name              = var.resource_group_name
  tags                             = var.tags
  account_kind                     = "StorageV2"
  account_tier                     = "Standard"
  account_replication_type         = "LRS"
  access_tier                      = "Hot"
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  local_user_enabled               = false
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  public_network_access_enabled    = !local.is_private

  network_rules {
    bypass         = [local.storage_bypass]
    default_action = local.is_private ? "Deny" : "Allow"
  }

  blob_properties {
    versioning_enabled = false

    container_delete_retention_policy {
      days = 14
    }

    delete_retention_policy {
      days = 14
    }
  }
}

resource "azurerm_storage_container" "deployment_container" {
  name                  = "deployment"
  storage_account_id    = azurerm_storage_account.storage.id
  container_access_type = "private"
}

resource "azurerm_storage_container" "state_container" {
  name                  = "spendwatch"
  storage_account_id    = azurerm_storage_account.storage.id
  container_access_type = "private"
}

resource "azurerm_storage_container" "config_container" {
  name                  = "config"
  storage_account_id    = azurerm_storage_account.storage.id
  container_access_type = "private"
}

resource "azurerm_storage_queue" "queues" {
  for_each = toset(local.queue_names)

  name               = each.value
  storage_account_id = azurerm_storage_account.storage.id
}

resource "azurerm_key_vault" "vault" {
  name                          = local.vault_name
  location                      = var.location
  resource_group_name           = var.resource_group_name
  tags                          = var.tags
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = !local.is_private

  network_acls {
    bypass         = local.is_private ? "None" : "AzureServices"
    default_action = local.is_private ? "Deny" : "Allow"
  }
}

# What it tells of itself.

resource "azurerm_log_analytics_workspace" "workspace" {
  count = var.log_analytics_workspace_id == "" ? 1 : 0

  name                         = "log-${local.base}"
  location                     = var.location
  resource_group_name          = var.resource_group_name
  tags                         = var.tags
  sku                          = "PerGB2018"
  retention_in_days            = var.retention_days
  local_authentication_enabled = false
}

resource "azurerm_application_insights" "component" {
  name                         = "appi-${local.base}"
  location                     = var.location
  resource_group_name          = var.resource_group_name
  tags                         = var.tags
  application_type             = "web"
  local_authentication_enabled = false
  workspace_id                 = local.workspace_id
}

resource "azurerm_monitor_diagnostic_setting" "site_diagnostics" {
  name                       = "spendwatch"
  target_resource_id         = azapi_resource.site.id
  log_analytics_workspace_id = local.workspace_id

  enabled_log {
    category = "FunctionAppLogs"
  }
}

# Only writes: the rule about poison messages needs them, and every look into a queue is a read.
resource "azurerm_monitor_diagnostic_setting" "queue_diagnostics" {
  name                       = "spendwatch"
  target_resource_id         = "${azurerm_storage_account.storage.id}/queueServices/default"
  log_analytics_workspace_id = local.workspace_id

  enabled_log {
    category = "StorageWrite"
  }
}

resource "azurerm_monitor_diagnostic_setting" "vault_diagnostics" {
  name                       = "spendwatch"
  target_resource_id         = azurerm_key_vault.vault.id
  log_analytics_workspace_id = local.workspace_id

  enabled_log {
    category = "AuditEvent"
  }
}

# The app. It is made once its roles are assigned, so that its first start finds what it needs.

resource "azurerm_service_plan" "plan" {
  name                = "asp-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  os_type             = "Linux"
  sku_name            = "FC1"
}

# Not by azurerm: its resource writes a connection string without a key as AzureWebJobsStorage, which
# the host prefers to the identity, and it cannot say which identity reads the vault.
resource "azapi_resource" "site" {
  type      = "Microsoft.Web/sites@2025-03-01"
  name      = "func-${local.base}"
  parent_id = local.resource_group_id
  location  = var.location
  tags      = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = concat([azurerm_user_assigned_identity.identity.id], var.action_identity_id == "" ? [] : [var.action_identity_id])
  }

  body = {
    kind = "functionapp,linux"
    properties = {
      clientAffinityEnabled = false
      functionAppConfig = {
        deployment = {
          storage = {
            authentication = {
              type                           = "UserAssignedIdentity"
              userAssignedIdentityResourceId = azurerm_user_assigned_identity.identity.id
            }
            type  = "blobContainer"
            value = "${azurerm_storage_account.storage.primary_blob_endpoint}${azurerm_storage_container.deployment_container.name}"
          }
        }
        runtime = {
          name    = var.runtime_name
          version = var.runtime_version
        }
        scaleAndConcurrency = {
          instanceMemoryMB     = var.instance_memory_mb
          maximumInstanceCount = var.maximum_instance_count
        }
      }
      httpsOnly                 = true
      keyVaultReferenceIdentity = azurerm_user_assigned_identity.identity.id
      publicNetworkAccess       = local.is_private && !var.public_inbound ? "Disabled" : "Enabled"
      serverFarmId              = azurerm_service_plan.plan.id
      siteConfig = {
        appSettings = [
          for setting, value in merge(local.app_settings, local.secret_settings) : {
            name  = setting
            value = value
          }
        ]
        http20Enabled = true
        minTlsVersion = "1.2"
      }
      virtualNetworkSubnetId = local.is_private ? azapi_resource.functions_subnet[0].id : null
    }
  }

  ignore_null_property   = true
  response_export_values = ["properties.defaultHostName"]

  depends_on = [
    azurerm_private_dns_zone_virtual_network_link.blob_zone_link,
    azurerm_private_dns_zone_virtual_network_link.queue_zone_link,
    azurerm_private_dns_zone_virtual_network_link.table_zone_link,
    azurerm_private_dns_zone_virtual_network_link.vault_zone_link,
    azurerm_private_endpoint.blob_endpoint,
    azurerm_private_endpoint.queue_endpoint,
    azurerm_private_endpoint.table_endpoint,
    azurerm_private_endpoint.vault_endpoint,
    azurerm_role_assignment.blob_role,
    azurerm_role_assignment.metrics_role,
    azurerm_role_assignment.queue_role,
    azurerm_role_assignment.secrets_role,
    azurerm_role_assignment.table_role,
    azurerm_storage_container.state_container,
    azurerm_storage_queue.queues,
    module.subscriptions,
  ]
}

# Both are there as soon as the app is.
resource "azapi_update_resource" "ftp_publishing" {
  type      = "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01"
  name      = "ftp"
  parent_id = azapi_resource.site.id

  body = {
    properties = {
      allow = false
    }
  }
}

resource "azapi_update_resource" "scm_publishing" {
  type      = "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01"
  name      = "scm"
  parent_id = azapi_resource.site.id

  body = {
    properties = {
      allow = false
    }
  }

  depends_on = [azapi_update_resource.ftp_publishing]
}

# The key that the address holds is read from the app while this is applied, and neither it nor the
# address gets into the state.
ephemeral "azapi_resource_action" "native_alert_key" {
  count = var.enable_action_group ? 1 : 0

  type                   = "Microsoft.Web/sites/functions@2025-03-01"
  resource_id            = "${azapi_resource.site.id}/functions/native-alert"
  action                 = "listkeys"
  response_export_values = { key = "default" }
}

resource "azapi_resource" "native_alert_group" {
  count = var.enable_action_group ? 1 : 0

  type      = "Microsoft.Insights/actionGroups@2023-01-01"
  name      = "ag-native-${local.base}"
  parent_id = local.resource_group_id
  location  = "global"
  tags      = var.tags

  body = {
    properties = {
      enabled        = true
      groupShortName = "spendwatch"
    }
  }

  sensitive_body = {
    properties = {
      webhookReceivers = [
        merge({
          name                 = "native-alert"
          serviceUri           = "https://${azapi_resource.site.output.properties.defaultHostName}/api/native-alert?code=${ephemeral.azapi_resource_action.native_alert_key[0].output.key}"
          useCommonAlertSchema = true
          }, {
          for property, value in {
            useAadAuth    = true
            objectId      = var.native_alert_object_id
            identifierUri = var.native_alert_identifier_uri
            tenantId      = data.azurerm_client_config.current.tenant_id
          } : property => value if var.native_alert_object_id != ""
        })
      ]
    }
  }
}
