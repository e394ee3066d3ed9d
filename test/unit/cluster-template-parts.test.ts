import { buildClusterTemplate, buildPartTemplate } from '../../infra/cluster/build-cluster-template';
import { checkTemplate, keyOf } from '../../infra/cluster/check-template';
import type { ClusterTemplateInput } from '../../infra/cluster/input';
import { clusterSpec } from '../support/records';

const input: ClusterTemplateInput = {
  cluster: 'demo',
  spec: clusterSpec({ masters: { count: 3 } }),
  app: {
    url: 'https://app.example',
    functionAppId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/app',
    eventFunctionName: 'onEvent',
    outboundAddresses: [],
  },
  customData: { master: (index) => Buffer.from(`master ${index}`).toString('base64'), agent: 'YWdlbnQ=' },
  suffix: 'x7k2m',
};
const whole = buildClusterTemplate(input);
const keysOf = (part: 'storage' | 'master1'): string[] => buildPartTemplate(input, part).template.resources.map(keyOf);
const withoutOrder = (resource: object): object => ({ ...resource, dependsOn: undefined });

it('the whole cluster is the part that is called all', () => {
  expect(buildPartTemplate(input, 'all')).toEqual(whole);
});

describe.each(['storage', 'master1'] as const)('the part %s', (part) => {
  const { template, parameters } = buildPartTemplate(input, part);

  it('describes each of its resources just as the whole does, so that neither undoes the other', () => {
    for (const resource of template.resources) {
      const same = whole.template.resources.find((other) => keyOf(other) === keyOf(resource));
      expect(withoutOrder(resource)).toEqual(withoutOrder(same!));
    }
  });

  it('depends on nothing that is not in it', () => {
    const missing = checkTemplate(template, parameters).filter((problem) => /does not exist/.test(problem));
    expect(missing).toEqual([]);
  });

  it('declares the parameters that it uses and no others', () => {
    const problems = checkTemplate(template, parameters).filter((problem) => /parameter/.test(problem));
    expect(problems).toEqual([]);
  });

  it('puts nothing out', () => expect(template.outputs).toEqual({}));
});

it('storage is the network and the accounts, and no machine', () => {
  expect(keysOf('storage').map((key) => key.split(' ')[0])).toEqual([
    'Microsoft.Network/networkSecurityGroups',
    'Microsoft.Network/networkSecurityGroups',
    'Microsoft.Network/publicIPAddresses',
    'Microsoft.Network/natGateways',
    'Microsoft.Network/virtualNetworks',
    'Microsoft.Resources/deployments',
  ]);
});

it('a master is its machine with address and network card, and nothing of its neighbours', () => {
  expect(keysOf('master1')).toEqual([
    'Microsoft.Compute/availabilitySets masters',
    'Microsoft.Network/publicIPAddresses master1-address',
    'Microsoft.Network/networkInterfaces master1-interface',
    'Microsoft.Compute/virtualMachines master1',
  ]);
  const { parameters } = buildPartTemplate(input, 'master1');
  expect(Object.keys(parameters).sort()).toEqual(['adminPublicKey', 'customDataMaster1', 'imageVersion']);
});

it('a master that the cluster does not have is a mistake', () => {
  expect(() => buildPartTemplate(input, 'master3')).toThrow('demo has no master3');
});
