// Lets an export write where it lands. An export signs in by an identity of its own, which there is
// only once the export is made.

@description('Name of the account that exports land in.')
param storageName string

@description('Object id of the identity of the export.')
param principalId string

var roles = {
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
}

resource exportStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource exportBlobServices 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: exportStorage
  name: 'default'
}

resource exportContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: exportBlobServices
  name: 'exports'
}

resource exportWriterRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(exportContainer.id, principalId, roles.storageBlobDataContributor)
  scope: exportContainer
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}
