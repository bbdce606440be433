// spendwatch for the subscription that it is deployed to, with a resource group of its own.
//
//   az deployment sub create --name spendwatch --location westeurope --template-file main.bicep \
//     --parameters alertEmails='["you@contoso.example"]' deploymentPrincipalId=$(az ad signed-in-user show --query id -o tsv)

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
    subscriptionIds: [
      subscription().subscriptionId
    ]
    // TEAMS_WEBHOOK_URL is what the configuration calls it, teams-webhook-url what it is called in the vault.
    secretSettings: {
      TEAMS_WEBHOOK_URL: 'teams-webhook-url'
    }
    alertEmails: alertEmails
    deploymentPrincipalId: deploymentPrincipalId
  }
}

output functionAppName string = spendwatch.outputs.functionAppName
output functionAppUrl string = spendwatch.outputs.functionAppUrl
output resourceGroupName string = spendwatch.outputs.resourceGroupName
output identityPrincipalId string = spendwatch.outputs.identityPrincipalId
output storageAccountName string = spendwatch.outputs.storageAccountName
output keyVaultName string = spendwatch.outputs.keyVaultName
