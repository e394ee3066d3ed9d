// One fixed address for all calls that the app makes.
param name string
param location string
param tags object

resource address 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource gateway 'Microsoft.Network/natGateways@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIpAddresses: [{ id: address.id }] }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    // Clear of the clusters' own 172.31.0.0/16, should somebody peer the two.
    addressSpace: { addressPrefixes: ['172.30.0.0/24'] }
  }

  resource subnet 'subnets' = {
    name: 'app'
    properties: {
      // Room for 251 instances; the plan's limit is 100.
      addressPrefix: '172.30.0.0/24'
      natGateway: { id: gateway.id }
      // What Flex Consumption asks of its subnet.
      delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
    }
  }
}

output subnetId string = network::subnet.id
output address string = address.properties.ipAddress
