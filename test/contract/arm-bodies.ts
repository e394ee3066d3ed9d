import { SUBSCRIPTION } from './arm-cloud';

export const GROUP = 'demo-compute';
const network = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.Network/virtualNetworks/network`;
export const SET_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/agents`;
const key = { path: '/home/u/.ssh/authorized_keys', keyData: 'ssh-ed25519 AAAA' };
const linuxConfiguration = { disablePasswordAuthentication: true, ssh: { publicKeys: [key] } };
const storageProfile = {
  imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
};

export const networkBody = {
  location: 'westeurope',
  properties: {
    addressSpace: { addressPrefixes: ['10.9.0.0/16'] },
    subnets: [{ name: 'agents', properties: { addressPrefix: '10.9.16.0/20' } }],
  },
};

/** Wire shape of a scale set; `profile` is merged into the machine profile. */
export const scaleSetBody = (capacity: number, profile: object = {}, properties: object = {}) => ({
  location: 'westeurope',
  sku: { name: 'Standard_B2s', tier: 'Standard', capacity },
  properties: {
    orchestrationMode: 'Uniform',
    overprovision: false,
    singlePlacementGroup: false,
    upgradePolicy: { mode: 'Manual' },
    ...properties,
    virtualMachineProfile: {
      storageProfile,
      osProfile: {
        computerNamePrefix: 'agents',
        adminUsername: 'u',
        customData: Buffer.from('#cloud-config').toString('base64'),
        linuxConfiguration,
      },
      networkProfile: {
        networkInterfaceConfigurations: [
          {
            name: 'nic',
            properties: {
              primary: true,
              ipConfigurations: [{ name: 'ip', properties: { subnet: { id: `${network}/subnets/agents` } } }],
            },
          },
        ],
      },
      ...profile,
    },
  },
});

const id = (type: string, ...names: string[]): string => `[resourceId('${[type, ...names].join("', '")}')]`;

/** A template like the cluster's: network, one master with its address, a scale set, a topic, and storage next door. */
export const clusterTemplate = (agents: number | string = 3) => ({
  $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  contentVersion: '1.0.0.0',
  parameters: { data: { type: 'string' }, password: { type: 'secureString', defaultValue: 'hush' } },
  variables: { label: "[format('{0}-{1}', 'demo', uniqueString(resourceGroup().id))]" },
  resources: [
    { type: 'Microsoft.Network/virtualNetworks', apiVersion: '2024-05-01', name: 'network', ...networkBody },
    {
      type: 'Microsoft.Network/publicIPAddresses',
      apiVersion: '2024-05-01',
      name: 'master0-address',
      location: '[resourceGroup().location]',
      properties: { publicIPAllocationMethod: 'Static', dnsSettings: { domainNameLabel: "[variables('label')]" } },
    },
    {
      type: 'Microsoft.Network/networkInterfaces',
      apiVersion: '2024-05-01',
      name: 'master0-nic',
      location: 'westeurope',
      dependsOn: [
        id('Microsoft.Network/virtualNetworks', 'network'),
        id('Microsoft.Network/publicIPAddresses', 'master0-address'),
      ],
      properties: {
        ipConfigurations: [
          {
            name: 'ip',
            properties: {
              subnet: { id: id('Microsoft.Network/virtualNetworks/subnets', 'network', 'agents') },
              publicIPAddress: { id: id('Microsoft.Network/publicIPAddresses', 'master0-address') },
            },
          },
        ],
      },
    },
    {
      type: 'Microsoft.Compute/virtualMachines',
      apiVersion: '2024-07-01',
      name: 'master0',
      location: 'westeurope',
      dependsOn: [id('Microsoft.Network/networkInterfaces', 'master0-nic')],
      properties: {
        hardwareProfile: { vmSize: 'Standard_B2s' },
        storageProfile,
        osProfile: {
          computerName: 'master0',
          adminUsername: 'u',
          adminPassword: "[parameters('password')]",
          customData: "[parameters('data')]",
          linuxConfiguration,
        },
        networkProfile: { networkInterfaces: [{ id: id('Microsoft.Network/networkInterfaces', 'master0-nic') }] },
      },
    },
    {
      type: 'Microsoft.Compute/virtualMachineScaleSets',
      apiVersion: '2024-07-01',
      name: 'agents',
      dependsOn: [id('Microsoft.Network/virtualNetworks', 'network')],
      ...scaleSetBody(agents as number),
    },
    {
      type: 'Microsoft.EventGrid/systemTopics',
      apiVersion: '2022-06-15',
      name: 'events',
      location: 'global',
      properties: { source: '[resourceGroup().id]', topicType: 'Microsoft.Resources.ResourceGroups' },
    },
    {
      type: 'Microsoft.EventGrid/systemTopics/eventSubscriptions',
      apiVersion: '2022-06-15',
      name: 'events/reconcile',
      dependsOn: [id('Microsoft.EventGrid/systemTopics', 'events')],
      properties: {
        destination: {
          endpointType: 'AzureFunction',
          properties: {
            resourceId: '/subscriptions/s/resourceGroups/app/providers/Microsoft.Web/sites/app/functions/onEvent',
          },
        },
        filter: {
          subjectBeginsWith: "[concat(resourceGroup().id, '/providers/Microsoft.Compute/')]",
          includedEventTypes: ['Microsoft.Resources.ResourceWriteSuccess', 'Microsoft.Resources.ResourceActionSuccess'],
        },
      },
    },
    {
      type: 'Microsoft.Resources/deployments',
      apiVersion: '2022-09-01',
      name: 'demo-storage',
      resourceGroup: 'demo-storage',
      properties: {
        mode: 'Incremental',
        expressionEvaluationOptions: { scope: 'inner' },
        parameters: { account: { value: "[toLower('STDEMO1')]" } },
        template: {
          $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
          contentVersion: '1.0.0.0',
          parameters: { account: { type: 'string' } },
          resources: [
            {
              type: 'Microsoft.Storage/storageAccounts',
              apiVersion: '2024-01-01',
              name: "[parameters('account')]",
              location: 'westeurope',
              sku: { name: 'Standard_LRS' },
              kind: 'StorageV2',
              properties: {},
            },
            {
              type: 'Microsoft.Storage/storageAccounts/fileServices/shares',
              apiVersion: '2024-01-01',
              name: "[concat(parameters('account'), '/default/data')]",
              dependsOn: ["[resourceId('Microsoft.Storage/storageAccounts', parameters('account'))]"],
              properties: { shareQuota: 100 },
            },
          ],
        },
      },
    },
  ],
  outputs: {
    fqdn: {
      type: 'string',
      value: `[reference(${id('Microsoft.Network/publicIPAddresses', 'master0-address').slice(1, -1)}).dnsSettings.fqdn]`,
    },
  },
});
