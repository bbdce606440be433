// What spendwatch needs in a management group whose costs it reads: roles of its identity and, if asked
// for, an export of the costs.

targetScope = 'managementGroup'

@description('Object id of the identity of the app.')
param principalId string = ''

@description('Whether roles are assigned.')
param assignRoles bool = true

@description('Whether the app may write the budgets that Azure keeps here.')
param applyNativeBudgets bool = false

@description('Whether the app may read the action groups here, which budgets of Azure name.')
param readActionGroups bool = false

@description('Whether costs are exported.')
param enableCostExport bool = false

@description('What is exported.')
@allowed([
  'FocusCost'
  'ActualCost'
  'AmortizedCost'
])
param exportType string = 'ActualCost'

@description('Name of the export.')
param exportName string = 'spendwatch'

@description('Region of the identity of the export.')
param exportLocation string = deployment().location

@description('Resource id of the storage account that the export goes to.')
param exportStorageId string = ''

@description('First day of the export, which must not be over.')
param exportFrom string = dateTimeAdd(utcNow(), 'P1D', 'yyyy-MM-dd')

var roles = {
  costManagementContributor: '434105ed-43f6-45c7-a02f-909b2ba83430'
  costManagementReader: '72fafb9e-0641-4937-9268-a91bfd8191a3'
  monitoringReader: '43d0d8ad-25c7-4714-9337-8ba259a9fe05'
}

resource costReaderRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles && !applyNativeBudgets) {
  name: guid(managementGroup().id, principalId, roles.costManagementReader)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: tenantResourceId('Microsoft.Authorization/roleDefinitions', roles.costManagementReader)
  }
}

resource costContributorRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles && applyNativeBudgets) {
  name: guid(managementGroup().id, principalId, roles.costManagementContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: tenantResourceId('Microsoft.Authorization/roleDefinitions', roles.costManagementContributor)
  }
}

resource monitoringReaderRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles && readActionGroups) {
  name: guid(managementGroup().id, principalId, roles.monitoringReader)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: tenantResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringReader)
  }
}

// Every run has a folder of its own: one that is being written never takes the place of a whole one.
// An export that is there is left as it is: Azure takes changes only with the eTag of the last one, which
// a template cannot give.
@onlyIfNotExists()
resource costExport 'Microsoft.CostManagement/exports@2025-03-01' = if (enableCostExport) {
  name: exportName
  location: exportLocation
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    compressionMode: 'gzip'
    dataOverwriteBehavior: 'CreateNewReport'
    definition: {
      dataSet: {
        configuration: exportType == 'FocusCost' ? {
          dataVersion: '1.0r2'
        } : null
        granularity: 'Daily'
      }
      timeframe: 'MonthToDate'
      type: exportType
    }
    deliveryInfo: {
      destination: {
        container: 'exports'
        resourceId: exportStorageId
        rootFolderPath: managementGroup().name
        type: 'AzureBlob'
      }
    }
    format: 'Csv'
    partitionData: true
    schedule: {
      recurrence: 'Daily'
      recurrencePeriod: {
        from: '${exportFrom}T00:00:00Z'
        to: '2050-01-01T00:00:00Z'
      }
      status: 'Active'
    }
  }
}

@description('Object id of the identity of the export, which must be let into the storage account; empty without one.')
output exportPrincipalId string = enableCostExport ? costExport!.identity.principalId : ''
