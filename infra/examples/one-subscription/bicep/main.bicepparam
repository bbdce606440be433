// spendwatch for one subscription, in a resource group of it that is there.
// ../../../README.md has the commands. It reads the variables SUBSCRIPTION, EMAIL and ME.

using '../../../bicep/main.bicep'

param configSource = 'blob'

param subscriptionIds = [
  readEnvironmentVariable('SUBSCRIPTION')
]

param alertEmails = [
  readEnvironmentVariable('EMAIL')
]

param deploymentPrincipalId = readEnvironmentVariable('ME')

param enableCommunication = true
