// The app settings, all of them: whatever else was set by hand is gone after a deployment.

@description('Name of the function app.')
param siteName string

@description('Settings that are no secrets.')
param appSettings object

@description('Name of each setting that is a secret, and name of the secret in the vault.')
#disable-next-line secure-secrets-in-params // The names of secrets are none.
param secretSettings object

@description('Address of the vault, with a slash at its end.')
param vaultUri string

resource site 'Microsoft.Web/sites@2025-03-01' existing = {
  name: siteName
}

// Without a version in it a reference follows the newest one.
resource siteSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'appsettings'
  properties: union(appSettings, toObject(items(secretSettings), secret => secret.key, secret => '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/${secret.value}/)'))
}
