// The action group that tells the app of alerts of the budgets that Azure keeps.

@description('What names end with.')
param base string

@description('Tags of all resources.')
param tags object

@description('Resource id of the function app.')
param siteId string

@description('Host name of the function app.')
param siteHostName string

@description('Object id of the app registration that the action group gets tokens for.')
param objectId string

@description('Audience of these tokens.')
param identifierUri string

// The key that the address holds is read from the app while this is deployed, and is nowhere else.
resource nativeAlertGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-native-${base}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'spendwatch'
    webhookReceivers: [
      union({
        name: 'native-alert'
        serviceUri: 'https://${siteHostName}/api/native-alert?code=${listKeys('${siteId}/functions/native-alert', '2025-03-01').default}'
        useCommonAlertSchema: true
      }, empty(objectId) ? {} : {
        useAadAuth: true
        objectId: objectId
        identifierUri: identifierUri
        tenantId: tenant().tenantId
      })
    ]
  }
}

@description('Resource id of the action group.')
output actionGroupId string = nativeAlertGroup.id
