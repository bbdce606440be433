// spendwatch in one subscription for all subscriptions of a management group: one role at the group, and
// an export of costs in each of those that are large. Deployed at the group, because a deployment to a
// resource group cannot reach it.
// ../README.md has the commands.

targetScope = 'managementGroup'

@description('Subscription that spendwatch runs in.')
param subscriptionId string

@description('Resource group that is made in it.')
param resourceGroupName string = 'spendwatch'

@description('Region of the resource group and all in it.')
param location string = deployment().location

@description('Subscriptions whose costs are exported rather than asked for.')
param exportSubscriptionIds array = []

@description('Whether the app may write the budgets that Azure keeps.')
param applyNativeBudgets bool = false

@description('Whether the app may read the action groups that budgets of Azure name, by a role that reads the settings of all resources.')
param readActionGroups bool = false

@description('Mail addresses that hear when spendwatch itself does not work.')
param alertEmails array

@description('Object id of whoever uploads configuration and secrets.')
param deploymentPrincipalId string = ''

module group 'group.bicep' = {
  name: 'spendwatch-group-${uniqueString(location)}'
  scope: subscription(subscriptionId)
  params: {
    name: resourceGroupName
    location: location
  }
}

module spendwatch '../../../bicep/main.bicep' = {
  name: 'spendwatch'
  scope: resourceGroup(subscriptionId, resourceGroupName)
  params: {
    location: location
    configSource: 'blob'
    enableCostExport: !empty(exportSubscriptionIds)
    alertEmails: alertEmails
    deploymentPrincipalId: deploymentPrincipalId
    enableCommunication: true
  }
  dependsOn: [
    group
  ]
}

module roles '../../../bicep/scope/management-group.bicep' = {
  name: 'spendwatch-roles-${uniqueString(location)}'
  params: {
    principalId: spendwatch.outputs.identityPrincipalId
    applyNativeBudgets: applyNativeBudgets
    readActionGroups: readActionGroups
  }
}

module exports '../../../bicep/scope/subscription.bicep' = [for id in exportSubscriptionIds: {
  name: 'spendwatch-export-${uniqueString(id, location)}'
  scope: subscription(id)
  params: {
    assignRoles: false
    enableCostExport: true
    exportType: 'FocusCost'
    exportLocation: location
    exportStorageId: spendwatch.outputs.exportStorageAccountId
  }
}]

module exportAccess '../../../bicep/export-access.bicep' = [for (id, index) in exportSubscriptionIds: {
  name: 'spendwatch-export-access-${uniqueString(id)}'
  scope: resourceGroup(subscriptionId, resourceGroupName)
  params: {
    storageName: last(split(spendwatch.outputs.exportStorageAccountId, '/'))
    principalId: exports[index].outputs.exportPrincipalId
  }
}]
