// The resource group that spendwatch runs in.

targetScope = 'subscription'

@description('Name of the resource group.')
param name string

@description('Region of the resource group.')
param location string

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: name
  location: location
}
