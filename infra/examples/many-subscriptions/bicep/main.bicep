// spendwatch in one subscription for all subscriptions of a management group: one role at the group, and
// an export of costs in each of those that are large. Deployed at the group, because a deployment to a
// resource group cannot reach it.
//
//   az deployment mg create --name spendwatch --management-group-id contoso --location westeurope --template-file main.bicep \
//     --parameters subscriptionId=00000000-0000-0000-0000-000000000000 alertEmails='["you@contoso.example"]' \
//       exportSubscriptionIds='["11111111-1111-1111-1111-111111111111"]'

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

@description('Mail addresses that hear when spendwatch itself does not work.')
param alertEmails array

@description('Object id of whoever uploads packages, configuration and secrets.')
param deploymentPrincipalId string = ''

module group 'group.bicep' = {
  name: 'spendwatch-group'
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
  }
  dependsOn: [
    group
  ]
}

module roles '../../../bicep/scope/management-group.bicep' = {
  name: 'spendwatch-roles'
  params: {
    principalId: spendwatch.outputs.identityPrincipalId
    applyNativeBudgets: applyNativeBudgets
    readActionGroups: applyNativeBudgets
  }
}

module exports '../../../bicep/scope/subscription.bicep' = [for id in exportSubscriptionIds: {
  name: 'spendwatch-export-${uniqueString(id)}'
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
