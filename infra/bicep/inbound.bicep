// A private end of the function app, for those who may call it from its network only.

@description('What names end with.')
param base string

@description('Region of all resources.')
param location string

@description('Tags of all resources.')
param tags object

@description('Resource id of the function app.')
param siteId string

@description('Resource id of the network.')
param virtualNetworkId string

@description('Resource id of the subnet with the private endpoints.')
param endpointsSubnetId string

resource siteZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink.azurewebsites.net'
  location: 'global'
  tags: tags
  properties: {}
}

resource siteZoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: siteZone
  name: base
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetworkId
    }
  }
}

resource siteEndpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: 'pep-site-${base}'
  location: location
  tags: tags
  properties: {
    privateLinkServiceConnections: [
      {
        name: 'site'
        properties: {
          groupIds: [
            'sites'
          ]
          privateLinkServiceId: siteId
        }
      }
    ]
    subnet: {
      id: endpointsSubnetId
    }
  }
}

resource siteEndpointZone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: siteEndpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'site'
        properties: {
          privateDnsZoneId: siteZone.id
        }
      }
    ]
  }
}
