// spendwatch for a billing account: the app and the place where exports land. Roles at billing accounts
// are none of Azure Resource Manager's; ../README.md has the commands, and the requests that assign them.

targetScope = 'subscription'

@description('Resource group that is made.')
param resourceGroupName string = 'spendwatch'

@description('Region of the resource group and all in it.')
param location string = deployment().location

@description('Mail addresses that hear when spendwatch itself does not work.')
param alertEmails array

@description('Object id of whoever uploads configuration and secrets.')
param deploymentPrincipalId string = ''

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
}

module spendwatch '../../../bicep/main.bicep' = {
  name: 'spendwatch'
  scope: group
  params: {
    location: location
    configSource: 'blob'
    enableCostExport: true
    alertEmails: alertEmails
    deploymentPrincipalId: deploymentPrincipalId
    enableCommunication: true
  }
}
