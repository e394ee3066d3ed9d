// Starling's control plane: one function app and what it stands on. Clusters are not here: the app makes them.
//   azd up        or        az deployment sub create --location <l> --template-file infra/main.bicep --parameters …
// Whoever deploys needs Owner, or Contributor and User Access Administrator, on the subscription: roles are assigned.
targetScope = 'subscription'

@description('Short name of this installation; part of every resource name.')
@minLength(2)
@maxLength(16)
param environmentName string

@description('Region of the control plane. Clusters may be anywhere.')
param location string

@description('''
Sends all calls of the app through a NAT gateway with one fixed address, the only one that clusters then admit to their API.
About 36 US dollars a month. Without it, give `outboundAddresses`: a Flex Consumption app has no fixed address of its own.
''')
param fixedOutboundAddress bool = true

@description('Comma-separated addresses that clusters admit to their API. Only read without `fixedOutboundAddress`.')
param outboundAddresses string = ''

@description('''
Client id or URI of an app registration with the app role `Starling.Operator`. Operators then sign in with Entra ID and need
that role; function keys are not asked for any more.
''')
param entraAudience string = ''

@description('''
Makes a role with just the actions that Starling needs. Without it the app becomes Contributor of the subscription: for
those who may assign roles but not define them.
''')
param defineRole bool = true

@description('Memory of an instance in MB. 512 keeps an idle month within the free grant.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

var tags = { 'azd-env-name': environmentName }
var suffix = take(uniqueString(subscription().subscriptionId, environmentName, location), 8)
var appName = 'starling-${environmentName}-${suffix}'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'starling-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: appName, location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: { name: appName, location: location, tags: tags, principalId: identity.outputs.principalId }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'starling${suffix}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'starling-${suffix}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (fixedOutboundAddress) {
  name: 'network'
  scope: group
  params: { name: appName, location: location, tags: tags }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: appName
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    identityPrincipalId: identity.outputs.principalId
    insightsConnectionString: monitoring.outputs.connectionString
    storageName: storage.outputs.name
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    vaultUrl: vault.outputs.url
    subnetId: fixedOutboundAddress ? network!.outputs.subnetId : ''
    entraTenantId: empty(entraAudience) ? '' : tenant().tenantId
    entraAudience: entraAudience
    outboundAddresses: fixedOutboundAddress ? network!.outputs.address : outboundAddresses
    instanceMemoryMB: instanceMemoryMB
    defineRole: defineRole
  }
}

module clusterRights 'modules/cluster-rights.bicep' = {
  name: 'starling-cluster-rights-${suffix}'
  params: {
    roleName: 'Starling control plane ${suffix}'
    principalId: identity.outputs.principalId
    defineRole: defineRole
  }
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output STARLING_APP_NAME string = app.outputs.name
output STARLING_PUBLIC_URL string = app.outputs.url
