// What Starling may do in the subscription, plainly:
//   It makes and deletes resource groups `{cluster}-compute` and `{cluster}-storage`, and everything in them. Azure cannot
//   limit that to groups of a certain name or tag, so the role is good for ANY group of the subscription: give Starling a
//   subscription of its own. In its code it touches only groups that carry its tags.
//   It has root on clusters' machines: `virtualMachines/*` includes run command, which `logs`, snapshots and upgrades use.
//   It cannot assign roles, read other vaults, use identities, or change anything that is not listed here.
targetScope = 'subscription'

param roleName string
param principalId string
param defineRole bool

var contributor = 'b24988ac-6180-42a0-ab88-20f7382dd24c'

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (defineRole) {
  name: guid(subscription().id, roleName)
  properties: {
    roleName: roleName
    description: 'Deploys, scales, repairs and deletes clusters.'
    type: 'CustomRole'
    assignableScopes: [subscription().id]
    permissions: [
      {
        actions: [
          // Groups, the deployment of a cluster, and the search for leftovers.
          'Microsoft.Resources/subscriptions/read'
          'Microsoft.Resources/subscriptions/locations/read'
          'Microsoft.Resources/subscriptions/operationresults/read'
          'Microsoft.Resources/subscriptions/resources/read'
          'Microsoft.Resources/subscriptions/resourceGroups/read'
          'Microsoft.Resources/subscriptions/resourceGroups/write'
          'Microsoft.Resources/subscriptions/resourceGroups/delete'
          'Microsoft.Resources/subscriptions/resourceGroups/resources/read'
          'Microsoft.Resources/deployments/*'
          // The list of a deployment's operations has kept its old path.
          'Microsoft.Resources/subscriptions/resourcegroups/deployments/operations/read'
          // Machines: their power, size, eviction and run command are actions of theirs.
          'Microsoft.Compute/availabilitySets/*'
          'Microsoft.Compute/virtualMachines/*'
          'Microsoft.Compute/virtualMachineScaleSets/*'
          'Microsoft.Compute/disks/read'
          'Microsoft.Compute/disks/write'
          'Microsoft.Compute/disks/delete'
          'Microsoft.Compute/skus/read'
          'Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read'
          'Microsoft.Compute/locations/usages/read'
          'Microsoft.Compute/locations/operations/read'
          // Their network; the joins that a scale set's write is checked for are included.
          'Microsoft.Network/virtualNetworks/*'
          'Microsoft.Network/networkSecurityGroups/*'
          'Microsoft.Network/networkInterfaces/*'
          'Microsoft.Network/publicIPAddresses/*'
          'Microsoft.Network/natGateways/*'
          'Microsoft.Network/locations/operations/read'
          'Microsoft.Network/locations/operationResults/read'
          'Microsoft.Network/locations/usages/read'
          // Shared files. The key is what machines mount them with.
          'Microsoft.Storage/storageAccounts/read'
          'Microsoft.Storage/storageAccounts/write'
          'Microsoft.Storage/storageAccounts/delete'
          'Microsoft.Storage/storageAccounts/listKeys/action'
          'Microsoft.Storage/storageAccounts/fileServices/*'
          'Microsoft.Storage/locations/usages/read'
          // Autoscale and events.
          'Microsoft.Insights/autoscaleSettings/*'
          'Microsoft.EventGrid/systemTopics/*'
          'Microsoft.EventGrid/eventSubscriptions/*'
          'Microsoft.EventGrid/locations/operationsStatus/read'
          'Microsoft.EventGrid/locations/operationResults/read'
        ]
        notActions: []
      }
    ]
  }
}

resource mayRunClusters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, roleName)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: defineRole
      ? role.id
      : subscriptionResourceId('Microsoft.Authorization/roleDefinitions', contributor)
  }
}
