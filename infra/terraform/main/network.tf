# A network of its own: one subnet that the app sends from, one with the private ends of storage and
# vault, and the names by which these are found. With public_inbound = false a private end of the app, too.

locals {
  private = local.is_private ? 1 : 0
  inbound = local.is_private && !var.public_inbound ? 1 : 0

  zone_names = {
    blob  = "privatelink.${trimprefix(azurerm_storage_account.storage.primary_blob_host, "${local.storage_name}.")}"
    queue = "privatelink.${trimprefix(azurerm_storage_account.storage.primary_queue_host, "${local.storage_name}.")}"
    table = "privatelink.${trimprefix(azurerm_storage_account.storage.primary_table_host, "${local.storage_name}.")}"
    vault = "privatelink.${replace(trimsuffix(trimprefix(azurerm_key_vault.vault.vault_uri, "https://${local.vault_name}."), "/"), "/^vault\\./", "vaultcore.")}"
  }
}

# Nobody outside may open a connection to either subnet, which is what a group without rules says.
resource "azurerm_network_security_group" "network_security_group" {
  count = local.private

  name                = "nsg-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_virtual_network" "virtual_network" {
  count = local.private

  name                = "vnet-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  address_space       = [var.virtual_network_address_prefix]
}

# By azapi, which attaches the security group in the same request: policies may forbid a subnet without.
resource "azapi_resource" "functions_subnet" {
  count = local.private

  type      = "Microsoft.Network/virtualNetworks/subnets@2025-05-01"
  name      = "functions"
  parent_id = azurerm_virtual_network.virtual_network[0].id

  body = {
    properties = {
      addressPrefix = cidrsubnet(var.virtual_network_address_prefix, 26 - tonumber(split("/", var.virtual_network_address_prefix)[1]), 0)
      delegations = [
        {
          name = "functions"
          properties = {
            serviceName = "Microsoft.App/environments"
          }
        }
      ]
      networkSecurityGroup = {
        id = azurerm_network_security_group.network_security_group[0].id
      }
    }
  }
}

resource "azapi_resource" "endpoints_subnet" {
  count = local.private

  type      = "Microsoft.Network/virtualNetworks/subnets@2025-05-01"
  name      = "endpoints"
  parent_id = azurerm_virtual_network.virtual_network[0].id

  body = {
    properties = {
      addressPrefix = cidrsubnet(var.virtual_network_address_prefix, 26 - tonumber(split("/", var.virtual_network_address_prefix)[1]), 1)
      networkSecurityGroup = {
        id = azurerm_network_security_group.network_security_group[0].id
      }
      privateEndpointNetworkPolicies = "Enabled"
    }
  }

  # A network takes one change at a time.
  depends_on = [azapi_resource.functions_subnet]
}

resource "azurerm_private_dns_zone" "blob_zone" {
  count = local.private

  name                = local.zone_names.blob
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "blob_zone_link" {
  count = local.private

  name                 = local.base
  private_dns_zone_id  = azurerm_private_dns_zone.blob_zone[0].id
  virtual_network_id   = azurerm_virtual_network.virtual_network[0].id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_dns_zone" "queue_zone" {
  count = local.private

  name                = local.zone_names.queue
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "queue_zone_link" {
  count = local.private

  name                 = local.base
  private_dns_zone_id  = azurerm_private_dns_zone.queue_zone[0].id
  virtual_network_id   = azurerm_virtual_network.virtual_network[0].id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_dns_zone" "table_zone" {
  count = local.private

  name                = local.zone_names.table
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "table_zone_link" {
  count = local.private

  name                 = local.base
  private_dns_zone_id  = azurerm_private_dns_zone.table_zone[0].id
  virtual_network_id   = azurerm_virtual_network.virtual_network[0].id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_dns_zone" "vault_zone" {
  count = local.private

  name                = local.zone_names.vault
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "vault_zone_link" {
  count = local.private

  name                 = local.base
  private_dns_zone_id  = azurerm_private_dns_zone.vault_zone[0].id
  virtual_network_id   = azurerm_virtual_network.virtual_network[0].id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_dns_zone" "site_zone" {
  count = local.inbound

  name                = "privatelink.azurewebsites.net"
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "site_zone_link" {
  count = local.inbound

  name                 = local.base
  private_dns_zone_id  = azurerm_private_dns_zone.site_zone[0].id
  virtual_network_id   = azurerm_virtual_network.virtual_network[0].id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_endpoint" "blob_endpoint" {
  count = local.private

  name                = "pep-blob-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  subnet_id           = azapi_resource.endpoints_subnet[0].id

  private_service_connection {
    name                           = "blob"
    private_connection_resource_id = azurerm_storage_account.storage.id
    subresource_names              = ["blob"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.blob_zone[0].id]
  }
}

resource "azurerm_private_endpoint" "queue_endpoint" {
  count = local.private

  name                = "pep-queue-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  subnet_id           = azapi_resource.endpoints_subnet[0].id

  private_service_connection {
    name                           = "queue"
    private_connection_resource_id = azurerm_storage_account.storage.id
    subresource_names              = ["queue"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.queue_zone[0].id]
  }
}

resource "azurerm_private_endpoint" "table_endpoint" {
  count = local.private

  name                = "pep-table-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  subnet_id           = azapi_resource.endpoints_subnet[0].id

  private_service_connection {
    name                           = "table"
    private_connection_resource_id = azurerm_storage_account.storage.id
    subresource_names              = ["table"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.table_zone[0].id]
  }
}

resource "azurerm_private_endpoint" "vault_endpoint" {
  count = local.private

  name                = "pep-vault-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  subnet_id           = azapi_resource.endpoints_subnet[0].id

  private_service_connection {
    name                           = "vault"
    private_connection_resource_id = azurerm_key_vault.vault.id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.vault_zone[0].id]
  }
}

resource "azurerm_private_endpoint" "export_endpoint" {
  count = local.is_private && var.enable_cost_export ? 1 : 0

  name                = "pep-export-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  subnet_id           = azapi_resource.endpoints_subnet[0].id

  private_service_connection {
    name                           = "export"
    private_connection_resource_id = azurerm_storage_account.export_storage[0].id
    subresource_names              = ["blob"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.blob_zone[0].id]
  }
}

resource "azurerm_private_endpoint" "site_endpoint" {
  count = local.inbound

  name                = "pep-site-${local.base}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  subnet_id           = azapi_resource.endpoints_subnet[0].id

  private_service_connection {
    name                           = "site"
    private_connection_resource_id = azapi_resource.site.id
    subresource_names              = ["sites"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.site_zone[0].id]
  }
}
