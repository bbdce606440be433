// What `azd up` deploys: a resource group with everything in it. Further parameters are lines of `params`
// below; all outputs are those of the deployment `spendwatch` in the group.

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

@description('Object id of whoever uploads configuration and secrets.')
param principalId string = ''

@description('Mail addresses that hear when spendwatch itself does not work, divided by commas.')
param alertEmails string = ''

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
    alertEmails: empty(alertEmails) ? [] : map(split(alertEmails, ','), address => trim(address))
    configSource: 'blob'
    deploymentPrincipalId: principalId
    enableCommunication: true
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_NAME string = main.outputs.functionAppName
