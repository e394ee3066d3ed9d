// Key Vault for what Starling keeps of each cluster: the credential for its API and the key of joining masters.
param name string
param location string
param tags object
param principalId string

// Reads, writes, deletes and purges secrets; nothing else of the vault.
var keyVaultSecretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // Purge protection stays off, and the retention short: destroying a cluster must leave nothing of it behind.
    softDeleteRetentionInDays: 7
  }
}

resource mayUseSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, keyVaultSecretsOfficer)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsOfficer)
  }
}

output url string = vault.properties.vaultUri
