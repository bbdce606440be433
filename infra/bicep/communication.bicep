// Mail by Azure Communication Services, from a domain that Azure manages.

@description('What names end with.')
param base string

@description('Tags of all resources.')
param tags object

@description('Where data are kept.')
param dataLocation string

@description('Resource ids of further domains, which are verified.')
param emailDomainIds array

@description('Resource id of the identity of the app.')
param identityId string

@description('Object id of the identity of the app.')
param principalId string

@description('Whether roles are assigned.')
param assignRoles bool

var roles = {
  communicationAndEmailServiceOwner: '09976791-48a7-449e-bb21-39d1a415f350'
}

resource emailService 'Microsoft.Communication/emailServices@2025-09-01' = {
  name: 'acse-${base}'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
  }
}

resource emailDomain 'Microsoft.Communication/emailServices/domains@2025-09-01' = {
  parent: emailService
  name: 'AzureManagedDomain'
  location: 'global'
  tags: tags
  properties: {
    domainManagement: 'AzureManaged'
    userEngagementTracking: 'Disabled'
  }
}

resource communicationService 'Microsoft.Communication/communicationServices@2025-09-01' = {
  name: 'acs-${base}'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    disableLocalAuth: true
    linkedDomains: concat([
      emailDomain.id
    ], emailDomainIds)
  }
}

// The smallest role that is there for sending, on this one resource.
resource mailRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(communicationService.id, identityId, roles.communicationAndEmailServiceOwner)
  scope: communicationService
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.communicationAndEmailServiceOwner)
  }
}

@description('Endpoint of an acs-email channel.')
output endpoint string = 'https://${communicationService.properties.hostName}'

@description('From of an acs-email channel.')
output mailFrom string = 'DoNotReply@${emailDomain.properties.mailFromSenderDomain}'
