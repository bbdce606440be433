# Where exports of costs land, and how the app hears of them. They have an account of their own: the
# service that writes them reaches nothing that the app keeps, and the app, which only reads here,
# cannot change the figures that it judges.

locals {
  export_storage_name = "ex${replace(local.base, "-", "")}"
  cost_export         = var.enable_cost_export ? 1 : 0
  subscription_export = var.enable_cost_export && var.export_scope != "" ? 1 : 0
}

# Cost Management is let in as a trusted service when everybody else is not.
resource "azurerm_storage_account" "export_storage" {
  count = local.cost_export

  name                             = local.export_storage_name
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
    bypass         = ["AzureServices"]
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

resource "azurerm_storage_container" "export_container" {
  count = local.cost_export

  name                  = "exports"
  storage_account_id    = azurerm_storage_account.export_storage[0].id
  container_access_type = "private"
}

# Each run writes its month anew. A year is compared with the one before, so 400 days are kept.
resource "azurerm_storage_management_policy" "export_lifecycle" {
  count = local.cost_export

  storage_account_id = azurerm_storage_account.export_storage[0].id

  rule {
    enabled = true
    name    = "old-exports"

    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = 400
      }
    }

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["exports/"]
    }
  }
}

resource "azurerm_eventgrid_system_topic" "export_topic" {
  count = local.cost_export

  name                = "evgt-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  source_resource_id  = azurerm_storage_account.export_storage[0].id
  topic_type          = "Microsoft.Storage.StorageAccounts"

  identity {
    type = "SystemAssigned"
  }
}

# A run ends by writing its manifest, so that is the one blob worth a message.
resource "azurerm_eventgrid_system_topic_event_subscription" "export_subscription" {
  count = local.cost_export

  name                  = "exports"
  system_topic          = azurerm_eventgrid_system_topic.export_topic[0].name
  resource_group_name   = var.resource_group_name
  event_delivery_schema = "EventGridSchema"
  included_event_types  = ["Microsoft.Storage.BlobCreated"]

  delivery_identity {
    type = "SystemAssigned"
  }

  storage_queue_endpoint {
    storage_account_id                    = azurerm_storage_account.storage.id
    queue_name                            = azurerm_storage_queue.queues["exports"].name
    queue_message_time_to_live_in_seconds = 604800
  }

  subject_filter {
    subject_begins_with = "/blobServices/default/containers/exports/"
    subject_ends_with   = "manifest.json"
  }

  retry_policy {
    event_time_to_live    = 1440
    max_delivery_attempts = 30
  }

  depends_on = [azurerm_role_assignment.export_queue_role]
}

resource "azurerm_role_assignment" "export_reader_role" {
  count = var.enable_cost_export && var.assign_roles ? 1 : 0

  scope                = azurerm_storage_container.export_container[0].id
  principal_id         = azurerm_user_assigned_identity.identity.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Blob Data Reader"
}

resource "azurerm_role_assignment" "export_queue_role" {
  count = var.enable_cost_export && var.assign_roles ? 1 : 0

  scope                = azurerm_storage_queue.queues["exports"].id
  principal_id         = azurerm_eventgrid_system_topic.export_topic[0].identity[0].principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Queue Data Message Sender"
}

module "subscription_export" {
  source = "../scope"
  count  = local.subscription_export

  scope              = var.export_scope
  assign_roles       = false
  enable_cost_export = true
  export_type        = var.export_type
  export_name        = local.base
  export_location    = var.location
  export_storage_id  = azurerm_storage_account.export_storage[0].id
}

# An export signs in by an identity of its own, which there is only once the export is made.
resource "azurerm_role_assignment" "export_writer_role" {
  count = local.subscription_export == 1 && var.assign_roles ? 1 : 0

  scope                = azurerm_storage_container.export_container[0].id
  principal_id         = module.subscription_export[0].export_principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Storage Blob Data Contributor"
}
