// Where exports of costs land, and how the app hears of them. They have an account of their own: the
// service that writes them reaches nothing that the app keeps, and the app, which only reads here,
// cannot change the figures that it judges.

@description('What names end with.')
param base string

@description('Region of all resources.')
param location string

@description('Tags of all resources.')
param tags object

@description('Whether the account has a public endpoint.')
param networkMode string

@description('Resource id of the identity of the app.')
param identityId string

@description('Object id of the identity of the app.')
param principalId string

@description('Name of the storage account of the app, whose queue hears of exports.')
param storageName string

@description('Whether roles are assigned.')
param assignRoles bool

var exportStorageName = 'ex${replace(base, '-', '')}'
var isPrivate = networkMode == 'private'

var roles = {
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource queueServices 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' existing = {
  parent: storage
  name: 'default'
}

resource exportsQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' existing = {
  parent: queueServices
  name: 'exports'
}

// Cost Management is let in as a trusted service when everybody else is not.
resource exportStorage 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  #disable-next-line BCP334 // The suffix alone makes it long enough.
  name: exportStorageName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
  }
}

resource exportBlobServices 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: exportStorage
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: {
      days: 14
      enabled: true
    }
    deleteRetentionPolicy: {
      days: 14
      enabled: true
    }
    isVersioningEnabled: false
  }
}

resource exportContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: exportBlobServices
  name: 'exports'
  properties: {
    publicAccess: 'None'
  }
}

// Each run writes its month anew. A year is compared with the one before, so 400 days are kept.
resource exportLifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: exportStorage
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          enabled: true
          name: 'old-exports'
          type: 'Lifecycle'
          definition: {
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 400
                }
              }
            }
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'exports/'
              ]
            }
          }
        }
      ]
    }
  }
}

resource exportTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${base}'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: exportStorage.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

// A run ends by writing its manifest, so that is the one blob worth a message.
resource exportSubscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: exportTopic
  name: 'exports'
  properties: {
    deliveryWithResourceIdentity: {
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          queueMessageTimeToLiveInSeconds: 604800
          queueName: exportsQueue.name
          resourceId: storage.id
        }
      }
      identity: {
        type: 'SystemAssigned'
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: [
        'Microsoft.Storage.BlobCreated'
      ]
      subjectBeginsWith: '/blobServices/default/containers/exports/'
      subjectEndsWith: 'manifest.json'
    }
    retryPolicy: {
      eventTimeToLiveInMinutes: 1440
      maxDeliveryAttempts: 30
    }
  }
  dependsOn: [
    exportQueueRole
  ]
}

resource exportReaderRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(exportContainer.id, identityId, roles.storageBlobDataReader)
  scope: exportContainer
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataReader)
  }
}

resource exportQueueRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(exportsQueue.id, exportTopic.id, roles.storageQueueDataMessageSender)
  scope: exportsQueue
  properties: {
    principalId: exportTopic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataMessageSender)
  }
}

@description('Resource id of the account that exports land in.')
output storageId string = exportStorage.id

@description('Name of the account that exports land in.')
output storageName string = exportStorage.name

@description('Address of the container that exports land in.')
output containerUrl string = '${exportStorage.properties.primaryEndpoints.blob}exports'
