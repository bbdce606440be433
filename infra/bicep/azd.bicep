// What `azd up` deploys: a resource group with everything in it. Also the one call for those who have
// no resource group yet.

targetScope = 'subscription'

@description('Name of the environment, which the resource group is named after.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of the resource group and all in it.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Object id of whoever uploads packages, configuration and secrets.')
param principalId string = ''

@description('Mail addresses that hear when spendwatch itself does not work, divided by commas.')
param alertEmails string = ''

@description('Where the configuration is.')
@allowed([
  'package'
  'blob'
])
param configSource string = 'blob'

@description('Secrets of the configuration: the name of the app setting, and that of the secret in the vault.')
param secretSettings object = {}

@description('Whether storage and vault are reached by public endpoints, or only from a network of their own.')
@allowed([
  'public'
  'private'
])
param networkMode string = 'public'

var tags = {
  'azd-env-name': environmentName
}

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-spendwatch-${environmentName}'
  location: location
  tags: tags
}

module main 'main.bicep' = {
  name: 'spendwatch'
  scope: group
  params: {
    location: location
    tags: tags
    subscriptionIds: [
      subscription().subscriptionId
    ]
    alertEmails: empty(alertEmails) ? [] : split(alertEmails, ',')
    configSource: configSource
    secretSettings: secretSettings
    networkMode: networkMode
    deploymentPrincipalId: principalId
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_NAME string = main.outputs.functionAppName
output SERVICE_FUNCTIONS_NAME string = main.outputs.functionAppName
output SPENDWATCH_URL string = main.outputs.functionAppUrl
output SPENDWATCH_STORAGE_ACCOUNT string = main.outputs.storageAccountName
output SPENDWATCH_KEY_VAULT string = main.outputs.keyVaultName
output SPENDWATCH_CONFIG_CONTAINER_URL string = main.outputs.configContainerUrl
output SPENDWATCH_IDENTITY_PRINCIPAL_ID string = main.outputs.identityPrincipalId
