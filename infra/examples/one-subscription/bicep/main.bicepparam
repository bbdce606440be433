// spendwatch for one subscription, in a resource group of it that is there.
//
//   az group create --name spendwatch --location westeurope
//   export SUBSCRIPTION=$(az account show --query id -o tsv) ME=$(az ad signed-in-user show --query id -o tsv) EMAIL=you@contoso.example
//   az deployment group create --resource-group spendwatch --name spendwatch --parameters main.bicepparam

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
