// A network of its own: one subnet that the app sends from, one with the private ends of storage and
// vault, and the names by which these are found.

@description('What names end with.')
param base string

@description('Region of all resources.')
param location string

@description('Tags of all resources.')
param tags object

@description('Addresses of the network.')
param virtualNetworkAddressPrefix string

@description('Resource id of the storage account.')
param storageId string

@description('Resource id of the vault.')
param vaultId string

@description('Whether there is a storage account for exports.')
param enableCostExport bool

@description('Resource id of the storage account for exports.')
param exportStorageId string

var zoneNames = {
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  queue: 'privatelink.queue.${environment().suffixes.storage}'
  table: 'privatelink.table.${environment().suffixes.storage}'
  vault: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
}

// Nobody outside may open a connection to either subnet, which is what a group without rules says.
resource networkSecurityGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-${base}'
  location: location
  tags: tags
  properties: {
    securityRules: []
  }
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-${base}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        virtualNetworkAddressPrefix
      ]
    }
  }
}

resource functionsSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: virtualNetwork
  name: 'functions'
  properties: {
    addressPrefix: cidrSubnet(virtualNetworkAddressPrefix, 26, 0)
    delegations: [
      {
        name: 'functions'
        properties: {
          serviceName: 'Microsoft.App/environments'
        }
      }
    ]
    networkSecurityGroup: {
      id: networkSecurityGroup.id
    }
  }
}

resource endpointsSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: virtualNetwork
  name: 'endpoints'
  properties: {
    addressPrefix: cidrSubnet(virtualNetworkAddressPrefix, 26, 1)
    networkSecurityGroup: {
      id: networkSecurityGroup.id
    }
    privateEndpointNetworkPolicies: 'Enabled'
  }
  // A network takes one change at a time.
  dependsOn: [
    functionsSubnet
  ]
}

resource blobZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: zoneNames.blob
  location: 'global'
  tags: tags
  properties: {}
}

resource blobZoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: blobZone
  name: base
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetwork.id
    }
  }
}

resource queueZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: zoneNames.queue
  location: 'global'
  tags: tags
  properties: {}
}

resource queueZoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: queueZone
  name: base
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetwork.id
    }
  }
}

resource tableZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: zoneNames.table
  location: 'global'
  tags: tags
  properties: {}
}

resource tableZoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: tableZone
  name: base
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetwork.id
    }
  }
}

resource vaultZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: zoneNames.vault
  location: 'global'
  tags: tags
  properties: {}
}

resource vaultZoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: vaultZone
  name: base
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetwork.id
    }
  }
}

resource blobEndpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: 'pep-blob-${base}'
  location: location
  tags: tags
  properties: {
    privateLinkServiceConnections: [
      {
        name: 'blob'
        properties: {
          groupIds: [
            'blob'
          ]
          privateLinkServiceId: storageId
        }
      }
    ]
    subnet: {
      id: endpointsSubnet.id
    }
  }
}

resource blobEndpointZone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: blobEndpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'blob'
        properties: {
          privateDnsZoneId: blobZone.id
        }
      }
    ]
  }
}

resource queueEndpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: 'pep-queue-${base}'
  location: location
  tags: tags
  properties: {
    privateLinkServiceConnections: [
      {
        name: 'queue'
        properties: {
          groupIds: [
            'queue'
          ]
          privateLinkServiceId: storageId
        }
      }
    ]
    subnet: {
      id: endpointsSubnet.id
    }
  }
}

resource queueEndpointZone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: queueEndpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'queue'
        properties: {
          privateDnsZoneId: queueZone.id
        }
      }
    ]
  }
}

resource tableEndpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: 'pep-table-${base}'
  location: location
  tags: tags
  properties: {
    privateLinkServiceConnections: [
      {
        name: 'table'
        properties: {
          groupIds: [
            'table'
          ]
          privateLinkServiceId: storageId
        }
      }
    ]
    subnet: {
      id: endpointsSubnet.id
    }
  }
}

resource tableEndpointZone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: tableEndpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'table'
        properties: {
          privateDnsZoneId: tableZone.id
        }
      }
    ]
  }
}

resource vaultEndpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: 'pep-vault-${base}'
  location: location
  tags: tags
  properties: {
    privateLinkServiceConnections: [
      {
        name: 'vault'
        properties: {
          groupIds: [
            'vault'
          ]
          privateLinkServiceId: vaultId
        }
      }
    ]
    subnet: {
      id: endpointsSubnet.id
    }
  }
}

resource vaultEndpointZone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: vaultEndpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'vault'
        properties: {
          privateDnsZoneId: vaultZone.id
        }
      }
    ]
  }
}

resource exportEndpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = if (enableCostExport) {
  name: 'pep-export-${base}'
  location: location
  tags: tags
  properties: {
    privateLinkServiceConnections: [
      {
        name: 'export'
        properties: {
          groupIds: [
            'blob'
          ]
          privateLinkServiceId: exportStorageId
        }
      }
    ]
    subnet: {
      id: endpointsSubnet.id
    }
  }
}

resource exportEndpointZone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = if (enableCostExport) {
  parent: exportEndpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'blob'
        properties: {
          privateDnsZoneId: blobZone.id
        }
      }
    ]
  }
}

@description('Resource id of the network.')
output virtualNetworkId string = virtualNetwork.id

@description('Resource id of the subnet that the app sends from.')
output functionsSubnetId string = functionsSubnet.id

@description('Resource id of the subnet with the private endpoints.')
output endpointsSubnetId string = endpointsSubnet.id
