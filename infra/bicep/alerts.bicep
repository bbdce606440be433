// Who watches the watcher: rules over the logs that tell when spendwatch itself does not work, and a
// workbook that shows how it does. docs/runbook.md has a section for each rule.

@description('What names begin with.')
param base string

@description('Region of all resources.')
param location string

@description('Tags of all resources.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of the Application Insights component.')
param componentId string

@description('Name of the storage account.')
param storageName string

@description('Mail addresses that are told.')
param alertEmails array

@description('After how many hours without an evaluation it is told.')
param evaluationLateHours int

@description('How old costs may be, in hours, before it is told.')
param staleDataHours int

@description('Whether there is a workbook.')
param enableDashboard bool

var actionGroupIds = empty(alertEmails) ? [] : [
  alertGroup.id
]

resource alertGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmails)) {
  name: 'ag-${base}'
  location: 'global'
  tags: tags
  properties: {
    emailReceivers: [for email in alertEmails: {
      name: email
      emailAddress: email
      useCommonAlertSchema: true
    }]
    enabled: true
    groupShortName: 'spendwatch'
  }
}

resource failedInvocationsRule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${base}-failed-invocations'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    actions: {
      actionGroups: actionGroupIds
    }
    autoMitigate: true
    criteria: {
      allOf: [
        {
          failingPeriods: {
            minFailingPeriodsToAlert: 1
            numberOfEvaluationPeriods: 1
          }
          operator: 'GreaterThanOrEqual'
          query: replace(loadTextContent('../queries/failed-invocations.kql'), '{component}', componentId)
          threshold: 3
          timeAggregation: 'Count'
        }
      ]
    }
    description: 'Functions of spendwatch failed three times within an hour. See docs/runbook.md#failed-invocations'
    displayName: '${base}-failed-invocations'
    enabled: true
    evaluationFrequency: 'PT15M'
    scopes: [
      workspaceId
    ]
    severity: 2
    skipQueryValidation: true
    windowSize: 'PT1H'
  }
}

resource poisonMessagesRule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${base}-poison-messages'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    actions: {
      actionGroups: actionGroupIds
    }
    autoMitigate: true
    criteria: {
      allOf: [
        {
          failingPeriods: {
            minFailingPeriodsToAlert: 1
            numberOfEvaluationPeriods: 1
          }
          operator: 'GreaterThan'
          query: replace(loadTextContent('../queries/poison-messages.kql'), '{storage}', storageName)
          threshold: 0
          timeAggregation: 'Count'
        }
      ]
    }
    description: 'A message of spendwatch was given up after five attempts. See docs/runbook.md#poison-messages'
    displayName: '${base}-poison-messages'
    enabled: true
    evaluationFrequency: 'PT15M'
    scopes: [
      workspaceId
    ]
    severity: 2
    skipQueryValidation: true
    windowSize: 'PT1H'
  }
}

resource evaluationLateRule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${base}-evaluation-late'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    actions: {
      actionGroups: actionGroupIds
    }
    autoMitigate: true
    criteria: {
      allOf: [
        {
          failingPeriods: {
            minFailingPeriodsToAlert: 1
            numberOfEvaluationPeriods: 1
          }
          operator: 'GreaterThan'
          query: replace(replace(loadTextContent('../queries/evaluation-late.kql'), '{component}', componentId), '{hours}', string(evaluationLateHours))
          threshold: 0
          timeAggregation: 'Count'
        }
      ]
    }
    description: 'spendwatch evaluated no budget for ${evaluationLateHours} hours. See docs/runbook.md#evaluation-late'
    displayName: '${base}-evaluation-late'
    enabled: true
    evaluationFrequency: 'PT1H'
    scopes: [
      workspaceId
    ]
    severity: 1
    skipQueryValidation: true
    windowSize: 'P2D'
  }
}

resource staleDataRule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${base}-stale-data'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    actions: {
      actionGroups: actionGroupIds
    }
    autoMitigate: true
    criteria: {
      allOf: [
        {
          failingPeriods: {
            minFailingPeriodsToAlert: 1
            numberOfEvaluationPeriods: 1
          }
          operator: 'GreaterThan'
          query: replace(replace(loadTextContent('../queries/stale-data.kql'), '{component}', componentId), '{hours}', string(staleDataHours))
          threshold: 0
          timeAggregation: 'Count'
        }
      ]
    }
    description: 'The costs that spendwatch judges are older than ${staleDataHours} hours. See docs/runbook.md#stale-data'
    displayName: '${base}-stale-data'
    enabled: true
    evaluationFrequency: 'PT1H'
    scopes: [
      workspaceId
    ]
    severity: 2
    skipQueryValidation: true
    windowSize: 'P2D'
  }
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = if (enableDashboard) {
  name: guid(resourceGroup().id, base, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: 'spendwatch (${base})'
    serializedData: replace(replace(replace(loadTextContent('../workbook.json'), '{component}', componentId), '{workspace}', workspaceId), '{storage}', storageName)
    sourceId: componentId
    version: '1.0'
  }
}
