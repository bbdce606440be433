// The role in the whole subscription. See ../action-identity.bicep.

targetScope = 'subscription'

@description('Object id of the identity.')
param principalId string

@description('Id of the role.')
param roleDefinitionId string

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, roleDefinitionId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitionId
  }
}
