// spendwatch in one resource group: the function app on Flex Consumption, what it keeps, what it tells
// of itself, and what its identity may do. Nothing in here holds a secret: identities sign in
// everywhere, and secrets are written to the vault by whoever has them.

targetScope = 'resourceGroup'

@description('What the names of all resources begin with, after their kind: lower-case letters, digits and single hyphens.')
@minLength(2)
@maxLength(12)
param name string = 'spendwatch'

@description('What the names of all resources end with: 3 to 6 lower-case letters and digits. Without one it is worked out from the id of the resource group, the same by Bicep and by Terraform.')
@maxLength(6)
param nameSuffix string = ''

@description('Region of all resources.')
param location string = resourceGroup().location

@description('Tags of all resources.')
param tags object = {}

@description('When budgets are evaluated: six fields, seconds first, UTC.')
param evaluateSchedule string = '0 0 */4 * * *'

@description('When the budgets that Azure keeps are compared with the configuration: six fields, seconds first, UTC.')
param syncSchedule string = '0 30 3 * * *'

@description('Where the configuration is: in the package that is deployed, or in the container config of the storage account.')
@allowed([
  'package'
  'blob'
])
param configSource string = 'package'

@description('Ids of the subscriptions whose costs are read.')
param subscriptionIds array = []

@description('Whether the app may write the budgets that Azure keeps in these subscriptions.')
param applyNativeBudgets bool = false

@description('Whether the app may read the action groups in these subscriptions, which budgets of Azure name.')
param readActionGroups bool = false

@description('Whether roles are assigned. Without it somebody else assigns those that infra/README.md lists.')
param assignRoles bool = true

@description('Secrets of the configuration: the name of the app setting, and that of the secret in the vault.')
#disable-next-line secure-secrets-in-params // The names of secrets are none.
param secretSettings object = {}

@description('Further app settings by name, which win over those of the template. They are shown to whoever reads the deployment: secrets belong into secretSettings.')
param extraSettings object = {}

@description('Resource id of the identity that carries out actions, if there is one.')
param actionIdentityId string = ''

@description('Client id of the identity that carries out actions.')
param actionClientId string = ''

@description('Memory of an instance, in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 512

@description('How many instances there may be at a time. Not all regions take less than 40.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Runtime of the function app.')
param runtimeName string = 'custom'

@description('Version of the runtime.')
param runtimeVersion string = '1.0'

@description('What is logged: a level, or a filter by module.')
param logLevel string = 'info'

@description('Where telemetry of the handler goes by OTLP. Nowhere if empty.')
param otlpEndpoint string = ''

@description('Whether storage and vault are reached by public endpoints, or only from a network of their own.')
@allowed([
  'public'
  'private'
])
param networkMode string = 'public'

@description('Addresses of the network; the first two /26 networks of it are used.')
param virtualNetworkAddressPrefix string = '10.90.0.0/24'

@description('Whether the app may be called from outside of the network. It always may when there is none.')
param publicInbound bool = true

@description('Whether there is an action group that tells the app of alerts of the budgets that Azure keeps. Only once the code is deployed.')
param enableActionGroup bool = false

@description('Object id of the app registration that the action group gets tokens for. Without one it shows a function key only.')
param nativeAlertObjectId string = ''

@description('Audience of these tokens: the identifier URI of the app registration.')
param nativeAlertIdentifierUri string = ''

@description('Whether there is a storage account for exports of costs, with a queue that hears of them.')
param enableCostExport bool = false

@description('Subscription that exports its costs, /subscriptions/ID. Without one exports are made elsewhere.')
param exportScope string = ''

@description('What is exported.')
@allowed([
  'FocusCost'
  'ActualCost'
  'AmortizedCost'
])
param exportType string = 'FocusCost'

@description('Whether there is a service that sends mail, with a domain that Azure manages.')
param enableCommunication bool = false

@description('Where the mail service keeps its data.')
param dataLocation string = 'Europe'

@description('Resource ids of further mail domains, which are verified.')
param emailDomainIds array = []

@description('Mail addresses that hear when spendwatch itself does not work.')
param alertEmails array = []

@description('After how many hours without an evaluation it is told.')
@minValue(2)
@maxValue(47)
param evaluationLateHours int = 26

@description('How old the costs of the last evaluation may be, in hours, before it is told.')
@minValue(1)
param staleDataHours int = 72

@description('How long logs are kept, in days, in a workspace of our own.')
@minValue(30)
@maxValue(730)
param retentionDays int = 30

@description('Resource id of a Log Analytics workspace that exists already, in the same region.')
param logAnalyticsWorkspaceId string = ''

@description('Whether there is a workbook that shows how spendwatch works.')
param enableDashboard bool = true

@description('Object id of whoever uploads configuration and secrets.')
param deploymentPrincipalId string = ''

var suffix = empty(nameSuffix) ? take(uniqueString(resourceGroup().id), 6) : nameSuffix
var base = '${name}-${suffix}'
var storageName = 'st${replace(base, '-', '')}'
var vaultName = 'kv-${base}'
var isPrivate = networkMode == 'private'
var networkAccess = isPrivate ? 'Disabled' : 'Enabled'
// The service that tells of exports writes to a queue of the account; it is let in as a trusted service.
var storageBypass = isPrivate && !enableCostExport ? 'None' : 'AzureServices'
var exportSubscriptionId = enableCostExport && !empty(exportScope) ? split(exportScope, '/')[2] : ''
var workspaceId = empty(logAnalyticsWorkspaceId) ? workspace.id : logAnalyticsWorkspaceId

var queueNames = [
  'evaluations'
  'evaluations-poison'
  'deliveries'
  'deliveries-poison'
  'exports'
  'exports-poison'
]

var roles = {
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

var appSettings = union({
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
  AZURE_CLIENT_ID: identity.properties.clientId
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  EVALUATE_SCHEDULE: evaluateSchedule
  SPENDWATCH_LOG: logLevel
  SYNC_SCHEDULE: syncSchedule
}, configSource == 'blob' ? {
  SPENDWATCH_CONFIG: '${storage.properties.primaryEndpoints.blob}config'
} : {}, empty(actionClientId) ? {} : {
  ACTIONS_CLIENT_ID: actionClientId
}, empty(otlpEndpoint) ? {} : {
  OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint
}, extraSettings)

// Who the app is.

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${base}'
  location: location
  tags: tags
}

// What it keeps.

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  #disable-next-line BCP334 // The suffix alone makes it long enough.
  name: storageName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    networkAcls: {
      bypass: storageBypass
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
    publicNetworkAccess: networkAccess
    supportsHttpsTrafficOnly: true
  }
}

// State is written over and over. Soft delete keeps what was written over for two weeks, too;
// versions would keep all of it for ever.
resource blobServices 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: storage
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: {
      days: 14
      enabled: true
    }
    deleteRetentionPolicy: {
      days: 14
      enabled: true
    }
    isVersioningEnabled: false
  }
}

resource deploymentContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobServices
  name: 'deployment'
  properties: {
    publicAccess: 'None'
  }
}

resource stateContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobServices
  name: 'spendwatch'
  properties: {
    publicAccess: 'None'
  }
}

resource configContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobServices
  name: 'config'
  properties: {
    publicAccess: 'None'
  }
}

resource queueServices 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: storage
  name: 'default'
  properties: {}
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [for queue in queueNames: {
  parent: queueServices
  name: queue
  properties: {}
}]

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: vaultName
  location: location
  tags: tags
  properties: {
    enablePurgeProtection: true
    enableRbacAuthorization: true
    enableSoftDelete: true
    networkAcls: {
      bypass: isPrivate ? 'None' : 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
    publicNetworkAccess: networkAccess
    sku: {
      family: 'A'
      name: 'standard'
    }
    softDeleteRetentionInDays: 90
    tenantId: tenant().tenantId
  }
}

// What it tells of itself.

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (empty(logAnalyticsWorkspaceId)) {
  name: 'log-${base}'
  location: location
  tags: tags
  properties: {
    features: {
      disableLocalAuth: true
    }
    retentionInDays: retentionDays
    sku: {
      name: 'PerGB2018'
    }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${base}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    WorkspaceResourceId: workspaceId
  }
}

resource siteDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'spendwatch'
  scope: site
  properties: {
    logs: [
      {
        category: 'FunctionAppLogs'
        enabled: true
      }
    ]
    workspaceId: workspaceId
  }
}

// Only writes: the rule about poison messages needs them, and every look into a queue is a read.
resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'spendwatch'
  scope: queueServices
  properties: {
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
    ]
    workspaceId: workspaceId
  }
}

resource vaultDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'spendwatch'
  scope: vault
  properties: {
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
    workspaceId: workspaceId
  }
}

// What its identity may do.

resource blobRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(storage.id, identity.id, roles.storageBlobDataOwner)
  scope: storage
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

resource queueRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(storage.id, identity.id, roles.storageQueueDataContributor)
  scope: storage
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataContributor)
  }
}

resource tableRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(storage.id, identity.id, roles.storageTableDataContributor)
  scope: storage
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageTableDataContributor)
  }
}

resource secretsRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(vault.id, identity.id, roles.keyVaultSecretsUser)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource metricsRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(component.id, identity.id, roles.monitoringMetricsPublisher)
  scope: component
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringMetricsPublisher)
  }
}

// What whoever deploys may do: the configuration and the secrets, but not the state. Packages go to the app, which
// stores them itself.

resource configUploadRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles && !empty(deploymentPrincipalId)) {
  name: guid(configContainer.id, deploymentPrincipalId, roles.storageBlobDataContributor)
  scope: configContainer
  properties: {
    principalId: deploymentPrincipalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}

resource secretsUploadRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles && !empty(deploymentPrincipalId)) {
  name: guid(vault.id, deploymentPrincipalId, roles.keyVaultSecretsOfficer)
  scope: vault
  properties: {
    principalId: deploymentPrincipalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
  }
}

module subscriptions 'scope/subscription.bicep' = [for id in (assignRoles ? subscriptionIds : []): {
  name: '${base}-scope-${uniqueString(id, location)}'
  scope: subscription(id)
  params: {
    principalId: identity.properties.principalId
    applyNativeBudgets: applyNativeBudgets
    readActionGroups: readActionGroups
  }
}]

// The app. It is made once its roles are assigned, so that its first start finds what it needs.

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'asp-${base}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-${base}'
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: union({
      '${identity.id}': {}
    }, empty(actionIdentityId) ? {} : {
      '${actionIdentityId}': {}
    })
  }
  properties: {
    clientAffinityEnabled: false
    functionAppConfig: {
      deployment: {
        storage: {
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${deploymentContainer.name}'
        }
      }
      runtime: {
        name: runtimeName
        version: runtimeVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    publicNetworkAccess: isPrivate && !publicInbound ? 'Disabled' : 'Enabled'
    serverFarmId: plan.id
    siteConfig: {
      http20Enabled: true
      minTlsVersion: '1.2'
    }
    virtualNetworkSubnetId: isPrivate ? network!.outputs.functionsSubnetId : null
  }
  dependsOn: [
    blobRole
    metricsRole
    queueRole
    queues
    secretsRole
    stateContainer
    subscriptions
    tableRole
  ]
}

module settings 'settings.bicep' = {
  name: '${base}-settings'
  params: {
    siteName: site.name
    appSettings: appSettings
    secretSettings: secretSettings
    vaultUri: vault.properties.vaultUri
  }
}

resource ftpPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
  dependsOn: [
    ftpPublishing
  ]
}

// What is there only if it is asked for.

module network 'network.bicep' = if (isPrivate) {
  name: '${base}-network'
  params: {
    base: base
    location: location
    tags: tags
    virtualNetworkAddressPrefix: virtualNetworkAddressPrefix
    storageId: storage.id
    vaultId: vault.id
    exportStorageId: enableCostExport ? exportLanding!.outputs.storageId : ''
    enableCostExport: enableCostExport
  }
}

module inbound 'inbound.bicep' = if (isPrivate && !publicInbound) {
  name: '${base}-inbound'
  params: {
    base: base
    location: location
    tags: tags
    siteId: site.id
    virtualNetworkId: network!.outputs.virtualNetworkId
    endpointsSubnetId: network!.outputs.endpointsSubnetId
  }
}

module exportLanding 'export.bicep' = if (enableCostExport) {
  name: '${base}-export'
  params: {
    base: base
    location: location
    tags: tags
    networkMode: networkMode
    identityId: identity.id
    principalId: identity.properties.principalId
    storageName: storage.name
    assignRoles: assignRoles
  }
  dependsOn: [
    queues
  ]
}

module subscriptionExport 'scope/subscription.bicep' = if (!empty(exportSubscriptionId)) {
  name: '${base}-subscription-export-${uniqueString(location)}'
  scope: subscription(empty(exportSubscriptionId) ? subscription().subscriptionId : exportSubscriptionId)
  params: {
    assignRoles: false
    enableCostExport: true
    exportType: exportType
    exportName: base
    exportLocation: location
    exportStorageId: enableCostExport ? exportLanding!.outputs.storageId : ''
  }
}

module subscriptionExportAccess 'export-access.bicep' = if (!empty(exportSubscriptionId) && assignRoles) {
  name: '${base}-subscription-export-access'
  params: {
    storageName: enableCostExport ? exportLanding!.outputs.storageName : ''
    principalId: enableCostExport ? subscriptionExport!.outputs.exportPrincipalId : ''
  }
}

module communication 'communication.bicep' = if (enableCommunication) {
  name: '${base}-communication'
  params: {
    base: base
    tags: tags
    dataLocation: dataLocation
    emailDomainIds: emailDomainIds
    identityId: identity.id
    principalId: identity.properties.principalId
    assignRoles: assignRoles
  }
}

module alerts 'alerts.bicep' = {
  name: '${base}-alerts'
  params: {
    base: base
    location: location
    tags: tags
    workspaceId: workspaceId
    componentId: component.id
    storageName: storage.name
    alertEmails: alertEmails
    evaluationLateHours: evaluationLateHours
    staleDataHours: staleDataHours
    enableDashboard: enableDashboard
  }
  dependsOn: [
    queueDiagnostics
  ]
}

module nativeAlert 'native-alert.bicep' = if (enableActionGroup) {
  name: '${base}-native-alert'
  params: {
    base: base
    tags: tags
    siteId: site.id
    siteHostName: site.properties.defaultHostName
    objectId: nativeAlertObjectId
    identifierUri: nativeAlertIdentifierUri
  }
  // New settings restart the app, which then tells no key.
  dependsOn: [
    settings
  ]
}

@description('Name of the function app.')
output functionAppName string = site.name

@description('Resource id of the function app.')
output functionAppId string = site.id

@description('Address of the function app.')
output functionAppUrl string = 'https://${site.properties.defaultHostName}'

@description('Name of the resource group.')
output resourceGroupName string = resourceGroup().name

@description('Object id of the identity.')
output identityPrincipalId string = identity.properties.principalId

@description('Client id of the identity.')
output identityClientId string = identity.properties.clientId

@description('Resource id of the identity.')
output identityId string = identity.id

@description('Name of the storage account.')
output storageAccountName string = storage.name

@description('Address of the container that the configuration is uploaded to.')
output configContainerUrl string = '${storage.properties.primaryEndpoints.blob}config'

@description('Name of the vault.')
output keyVaultName string = vault.name

@description('Address of the vault.')
output keyVaultUri string = vault.properties.vaultUri

@description('Name of the Application Insights component.')
output applicationInsightsName string = component.name

@description('Resource id of the Log Analytics workspace.')
output logAnalyticsWorkspaceId string = workspaceId

@description('Address of the container that exports land in; empty without one.')
output exportContainerUrl string = enableCostExport ? exportLanding!.outputs.containerUrl : ''

@description('Resource id of the account that exports land in; empty without one.')
output exportStorageAccountId string = enableCostExport ? exportLanding!.outputs.storageId : ''

@description('Address of the mail service, the endpoint of an acs-email channel; empty without one.')
output communicationEndpoint string = enableCommunication ? communication!.outputs.endpoint : ''

@description('Address that mails may come from, the from of an acs-email channel; empty without one.')
output mailFrom string = enableCommunication ? communication!.outputs.mailFrom : ''

@description('Resource id of the action group for the budgets that Azure keeps; empty without one.')
output nativeAlertGroupId string = enableActionGroup ? nativeAlert!.outputs.actionGroupId : ''
