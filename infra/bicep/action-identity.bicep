// An identity that carries out actions and does nothing else: it may neither read costs nor change
// anything that the chosen kinds of actions do not need. Without it no action changes a resource.

targetScope = 'subscription'

@description('Resource group that the identity is created in.')
param identityResourceGroup string

@description('Name of the identity.')
@minLength(3)
@maxLength(128)
param name string = 'spendwatch-actions'

@description('Region of the identity.')
param location string = deployment().location

@description('Kinds of actions that it may carry out, as they are called in the configuration.')
@allowed([
  'add-tag'
  'automation'
  'deallocate-vms'
  'scale-plan'
])
@minLength(1)
param kinds array

@description('Resource groups that it may act in. Without any it may act in the whole subscription.')
param resourceGroups array = []

@description('Tags of the identity.')
param tags object = {}

var rights = {
  'add-tag': [
    'Microsoft.Resources/subscriptions/resources/read'
    'Microsoft.Resources/subscriptions/resourceGroups/resources/read'
    'Microsoft.Resources/tags/read'
    'Microsoft.Resources/tags/write'
  ]
  automation: [
    'Microsoft.Automation/automationAccounts/jobs/write'
    'Microsoft.Automation/automationAccounts/runbooks/read'
  ]
  'deallocate-vms': [
    'Microsoft.Compute/virtualMachines/read'
    'Microsoft.Compute/virtualMachines/instanceView/read'
    'Microsoft.Compute/virtualMachines/deallocate/action'
    'Microsoft.Compute/virtualMachines/start/action'
  ]
  'scale-plan': [
    'Microsoft.Web/serverfarms/read'
    'Microsoft.Web/serverfarms/write'
  ]
}

var ofTags = contains(kinds, 'add-tag') ? rights['add-tag'] : []
var ofAutomation = contains(kinds, 'automation') ? rights.automation : []
var ofMachines = contains(kinds, 'deallocate-vms') ? rights['deallocate-vms'] : []
var ofPlans = contains(kinds, 'scale-plan') ? rights['scale-plan'] : []
var whole = empty(resourceGroups)

module identity 'action-identity/identity.bicep' = {
  name: '${take(name, 50)}-identity'
  scope: resourceGroup(identityResourceGroup)
  params: {
    name: name
    location: location
    tags: tags
  }
}

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, identityResourceGroup, name, 'role')
  properties: {
    roleName: '${name} of ${identityResourceGroup} in ${subscription().subscriptionId}'
    description: 'What actions of budgets need, and no more.'
    type: 'CustomRole'
    permissions: [
      {
        actions: concat(ofTags, ofAutomation, ofMachines, ofPlans)
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

module everywhere 'action-identity/everywhere.bicep' = if (whole) {
  name: '${take(name, 50)}-${uniqueString(identityResourceGroup)}'
  params: {
    principalId: identity.outputs.principalId
    roleDefinitionId: role.id
  }
}

module inGroup 'action-identity/assignment.bicep' = [for group in resourceGroups: {
  name: '${take(name, 50)}-${uniqueString(identityResourceGroup, group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    roleDefinitionId: role.id
  }
}]

@description('Value of ACTIONS_CLIENT_ID.')
output clientId string = identity.outputs.clientId

@description('Id of the identity, to be attached to the function app.')
output identityId string = identity.outputs.identityId
