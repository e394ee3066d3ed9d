// The function app, on Flex Consumption: nothing runs, and nothing is paid, while nothing happens.
param name string
param location string
param tags object
param identityId string
param identityClientId string
param identityPrincipalId string
param insightsConnectionString string
param storageName string
param deploymentContainerUrl string
param vaultUrl string
@description('Subnet through which the app calls out; empty for none.')
param subnetId string
param outboundAddresses string
param entraTenantId string
param entraAudience string
param instanceMemoryMB int
@description('Defines a narrow role for Event Grid; otherwise the app gets Website Contributor on itself.')
param defineRole bool

var websiteContributor = 'de139f84-1756-47ae-9be6-808fbbe84772'

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: 100
      }
      runtime: { name: 'node', version: '22' }
    }
    siteConfig: {
      minTlsVersion: '1.2'
    }
  }

  // Names are compared with shared/config.ts and docs/settings.md by test/docs/settings.test.ts.
  resource settings 'config' = {
    name: 'appsettings'
    properties: {
      // Storage by identity. The host wants each service named when the identity is a user-assigned one.
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      AzureWebJobsStorage__blobServiceUri: 'https://${storageName}.blob.${environment().suffixes.storage}'
      AzureWebJobsStorage__queueServiceUri: 'https://${storageName}.queue.${environment().suffixes.storage}'
      AzureWebJobsStorage__tableServiceUri: 'https://${storageName}.table.${environment().suffixes.storage}'
      AZURE_CLIENT_ID: identityClientId
      TASKHUB_NAME: 'starling'
      APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      STARLING_SUBSCRIPTION_ID: subscription().subscriptionId
      STARLING_PUBLIC_URL: 'https://${app.properties.defaultHostName}'
      STARLING_VAULT_URL: vaultUrl
      STARLING_FUNCTION_APP_ID: app.id
      STARLING_OUTBOUND_ADDRESSES: outboundAddresses
      STARLING_ENTRA_TENANT_ID: entraTenantId
      STARLING_ENTRA_AUDIENCE: entraAudience
      // The second of the two switches that scheduled chaos needs; the first is in a cluster's spec.
      STARLING_SCHEDULED_CHAOS: 'false'
    }
  }
}

// Each cluster's Event Grid subscription points at a function of this app. Who creates such a subscription must have the
// right to write that function; Event Grid then reads the key by itself. [not tried on a live subscription]
resource eventTarget 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (defineRole) {
  name: guid(app.id, 'event target')
  properties: {
    roleName: 'Starling event target ${name}'
    description: 'Lets Event Grid subscriptions point at functions of the app that holds this role.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: [
          'Microsoft.Web/sites/read'
          'Microsoft.Web/sites/functions/read'
          'Microsoft.Web/sites/functions/write'
          'Microsoft.Web/sites/functions/listkeys/action'
          'Microsoft.Web/sites/host/listkeys/action'
        ]
        notActions: []
      }
    ]
  }
}

resource mayBeEventTarget 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(app.id, identityPrincipalId, 'event target')
  scope: app
  properties: {
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: defineRole
      ? eventTarget.id
      : subscriptionResourceId('Microsoft.Authorization/roleDefinitions', websiteContributor)
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
