// spendwatch for a billing account: the app and the place where exports land. Roles at billing accounts
// are none of Azure Resource Manager's; README.md beside this folder has the requests that assign them.
//
//   az deployment sub create --name spendwatch --location westeurope --template-file main.bicep \
//     --parameters alertEmails='["you@contoso.example"]'

targetScope = 'subscription'

@description('Resource group that is made.')
param resourceGroupName string = 'spendwatch'

@description('Region of the resource group and all in it.')
param location string = deployment().location

@description('Mail addresses that hear when spendwatch itself does not work.')
param alertEmails array

@description('Object id of whoever uploads packages, configuration and secrets.')
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
  }
}
