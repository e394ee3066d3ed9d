import { NODE_FILES, unitNames } from '../../cloud-init/files';
import { buildClusterTemplate } from '../../infra/cluster/build-cluster-template';
import { checkTemplate } from '../../infra/cluster/check-template';
import type { ClusterTemplateInput } from '../../infra/cluster/input';
import { storageAccountName } from '../../infra/cluster/names';
import { masterFqdn } from '../../shared/model/names';
import type { ClusterSpec } from '../../shared/model/cluster';
import { clusterSpec } from '../support/records';

const spec: ClusterSpec = clusterSpec();

const functionAppId = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/app';

function inputFor(changes: Partial<ClusterSpec> = {}, app: Partial<ClusterTemplateInput['app']> = {}) {
  const input: ClusterTemplateInput = {
    cluster: 'demo',
    spec: { ...spec, ...changes },
    app: {
      url: 'https://app.example',
      functionAppId,
      eventFunctionName: 'onEvent',
      outboundAddresses: ['203.0.113.9'],
      ...app,
    },
    customData: { master: (index) => Buffer.from(`master ${index}`).toString('base64'), agent: 'YWdlbnQ=' },
    suffix: 'x7k2m',
  };
  return input;
}

interface Rule {
  name: string;
  properties: {
    access: string;
    priority: number;
    sourceAddressPrefix?: string;
    sourceAddressPrefixes?: string[];
    destinationPortRanges?: string[];
  };
}

/** The part of a resource that a test looks at, loosely typed on purpose: it is the wire shape that counts here. */
interface Loose {
  [key: string]: Loose;
}

const build = (changes?: Partial<ClusterSpec>, app?: Partial<ClusterTemplateInput['app']>) =>
  buildClusterTemplate(inputFor(changes, app));

function find(built: ReturnType<typeof build>, type: string, name?: string) {
  const found = built.template.resources.find((r) => r.type.endsWith(`/${type}`) && (!name || r.name === name));
  if (!found) throw new Error(`no ${type} ${name ?? ''}`);
  return found as typeof found & { properties: Loose };
}

const rulesOf = (built: ReturnType<typeof build>, group: string): Rule[] =>
  find(built, 'networkSecurityGroups', group).properties.securityRules as unknown as Rule[];
const sourcesOf = ({ properties }: Rule): string[] =>
  properties.sourceAddressPrefixes ?? [properties.sourceAddressPrefix ?? ''];

const variants: [string, Partial<ClusterSpec>][] = [
  ['one master', {}],
  ['five masters', { masters: { count: 5, size: 'Standard_D2s_v5' } }],
  [
    'Spot agents with autoscale',
    { agents: { ...spec.agents, priority: 'Spot', autoscale: { cpuAbovePercent: 80, cpuBelowPercent: 10 } } },
  ],
  ['SSH', { ssh: { publicKey: 'ssh-ed25519 AAAA me', port: 2222, from: ['203.0.113.7/32'] } }],
  ['no ingress and no shares', { ingress: { from: [] }, storage: { shares: [], mountAt: '/srv' } }],
  ['swarm', { engine: 'swarm' }],
];

describe('cluster template', () => {
  test.each(variants)('with %s has no structural problem', (_name, changes) => {
    const { template, parameters } = build(changes);
    expect(checkTemplate(template, parameters)).toEqual([]);
  });

  test('is the same text for the same input, so that a repeat converges', () => {
    expect(JSON.stringify(build())).toBe(JSON.stringify(build()));
    expect(JSON.parse(JSON.stringify(build()))).toEqual(build());
  });

  test('tags everything that can carry a tag', () => {
    const { template } = build(variants[2]?.[1]);
    const untagged = template.resources.filter(
      ({ tags }) => tags?.['starling-cluster'] !== 'demo' || !tags['starling-owner'],
    );
    expect(untagged.map(({ type }) => type)).toEqual([
      'Microsoft.EventGrid/systemTopics/eventSubscriptions',
      'Microsoft.Resources/deployments',
    ]);
  });

  test('gives no machine an identity', () => {
    expect(JSON.stringify(build())).not.toMatch(/"identity"|userAssignedIdentities/);
  });

  test('puts out the masters’ names and nothing else', () => {
    const { template } = build({ masters: { count: 3, size: 'Standard_B2s' } });
    expect(Object.keys(template.outputs)).toEqual(['masters']);
    expect(template.outputs['masters']?.value).toHaveLength(3);
    expect(JSON.stringify(template)).not.toMatch(/listKeys|listAccountSas|primaryKey/i);
  });

  test('gives each master the name that is known before the deployment', () => {
    const built = build({ masters: { count: 3, size: 'Standard_B2s' } });
    const address = find(built, 'publicIPAddresses', 'master2-address');
    expect(address.properties).toMatchObject({ dnsSettings: { domainNameLabel: 'demo-x7k2m-master2' } });
    expect(masterFqdn('demo', 'West Europe', 'x7k2m', 2)).toBe('demo-x7k2m-master2.westeurope.cloudapp.azure.com');
  });

  test('keeps the account name unique however long the cluster is called', () => {
    const name = storageAccountName('a-very-long-cluster-name', 'x7k2m9q4w1z8');
    expect(name).toMatch(/^stx7k2m9q4w1z8[a-z0-9]+$/);
    expect(name.length).toBeLessThanOrEqual(24);
  });
});

describe('scale set', () => {
  test('overrides the defaults that would hurt', () => {
    expect(find(build(), 'virtualMachineScaleSets').properties).toMatchObject({
      orchestrationMode: 'Uniform',
      overprovision: false,
      singlePlacementGroup: false,
      upgradePolicy: { mode: 'Manual' },
    });
  });

  test('asks for eviction settings on Spot only', () => {
    const regular = find(build(), 'virtualMachineScaleSets').properties.virtualMachineProfile;
    const spot = find(build(variants[2]?.[1]), 'virtualMachineScaleSets').properties.virtualMachineProfile;
    expect(regular).not.toHaveProperty('evictionPolicy');
    expect(regular).not.toHaveProperty('billingProfile');
    expect(spot).toMatchObject({ priority: 'Spot', evictionPolicy: 'Delete', billingProfile: { maxPrice: -1 } });
  });

  test('asks for terminate notices where a unit of the node watches for them, and never on Spot, which Azure refuses', () => {
    const profileOf = (changes?: Partial<ClusterSpec>) =>
      find(build(changes), 'virtualMachineScaleSets').properties.virtualMachineProfile;
    expect(unitNames(NODE_FILES.k3s.agent)).toContain('starling-events.service');
    expect(profileOf()).toMatchObject({
      scheduledEventsProfile: { terminateNotificationProfile: { enable: true, notBeforeTimeout: 'PT5M' } },
    });
    expect(profileOf(variants[2]?.[1])).not.toHaveProperty('scheduledEventsProfile');
  });

  test('takes the Arm image for Arm sizes', () => {
    const sku = (size: string) => {
      const profile = find(build({ agents: { ...spec.agents, size } }), 'virtualMachineScaleSets').properties
        .virtualMachineProfile;
      return profile?.storageProfile?.imageReference?.sku;
    };
    expect(['Standard_D2pls_v5', 'Standard_B2pts_v2', 'Standard_D4ps_v6'].map(sku)).toEqual(
      Array(3).fill('server-arm64'),
    );
    expect(['Standard_B2s', 'Standard_NP10s', 'Standard_D2s_v5'].map(sku)).toEqual(Array(3).fill('server'));
  });

  test('scales by itself only when the operator asked', () => {
    expect(build().template.resources.filter(({ type }) => type.includes('autoscale'))).toEqual([]);
    expect(find(build(variants[2]?.[1]), 'autoscaleSettings').properties).toMatchObject({
      profiles: [{ capacity: { minimum: '0', maximum: '10', default: '3' } }],
    });
  });

  test('has no public address and a way out', () => {
    expect(JSON.stringify(find(build(), 'virtualMachineScaleSets'))).not.toMatch(/publicIP/i);
    const subnets = find(build(), 'virtualNetworks').properties.subnets as unknown as {
      name: string;
      properties: object;
    }[];
    expect(subnets.find(({ name }) => name === 'agents')?.properties).toHaveProperty('natGateway');
  });
});

describe('network rules', () => {
  test('admit the app and the nodes, and nobody else, to the masters’ API', () => {
    const open = rulesOf(build(), 'masters-security').filter(({ properties }) =>
      properties.destinationPortRanges?.includes('6443'),
    );
    expect(open.flatMap(sourcesOf)).toEqual(['203.0.113.9', '172.31.0.0/24', '172.31.16.0/20']);
  });

  test('open no door for an app that is inside the network', () => {
    const rules = rulesOf(build({}, { outboundAddresses: [] }), 'masters-security');
    expect(rules.map(({ name }) => name)).not.toContain('allow-starling-api');
  });

  test('keep etcd among the masters', () => {
    const [quorum] = rulesOf(build(), 'masters-security').filter(({ name }) => name === 'allow-quorum');
    expect(quorum && sourcesOf(quorum)).toEqual(['172.31.0.0/24']);
  });

  test('keep the list for SSH apart from the list for ingress', () => {
    const changes = {
      ssh: { publicKey: 'ssh-ed25519 AAAA me', port: 2222, from: ['203.0.113.7/32'] },
      ingress: { from: ['198.51.100.0/24'] },
    };
    const rules = rulesOf(build(changes), 'masters-security');
    const named = (name: string) =>
      rules
        .filter((rule) => rule.name === name)
        .map((rule) => [sourcesOf(rule), rule.properties.destinationPortRanges]);
    expect(named('allow-ssh')).toEqual([[['203.0.113.7/32'], ['2222']]]);
    expect(named('allow-ingress')).toEqual([[['198.51.100.0/24'], ['80', '443']]]);
    expect(rulesOf(build(), 'masters-security').map(({ name }) => name)).not.toContain('allow-ssh');
  });

  test.each(['masters-security', 'agents-security'])('of %s end by refusing all else', (group) => {
    const rules = rulesOf(build(), group);
    expect(rules.at(-1)).toMatchObject({ properties: { access: 'Deny', priority: 4096, sourceAddressPrefix: '*' } });
    expect(new Set(rules.map(({ properties }) => properties.priority)).size).toBe(rules.length);
  });

  test('let nothing from outside reach an agent', () => {
    const allowed = rulesOf(build(variants[3]?.[1]), 'agents-security').filter(
      ({ properties }) => properties.access === 'Allow',
    );
    expect(new Set(allowed.flatMap(sourcesOf))).toEqual(new Set(['172.31.0.0/24', '172.31.16.0/20']));
  });
});

describe('storage', () => {
  const nested = (built: ReturnType<typeof build>) => find(built, 'deployments', 'demo-storage');

  test('lives in its own group, so that it can outlive the cluster', () => {
    expect(nested(build()).resourceGroup).toBe('demo-storage');
  });

  test('admits the cluster’s subnets only', () => {
    const text = JSON.stringify(nested(build()).properties.template);
    expect(text).toContain('"defaultAction":"Deny"');
    expect(text).toContain("[parameters('agentsSubnetId')]");
  });
});

test('an SSH key that nobody holds is given where no SSH is wanted', () => {
  const key = String(build().parameters['adminPublicKey']?.value);
  const blob = Buffer.from(key.split(' ')[1] ?? '', 'base64');
  expect(key).toMatch(/^ssh-ed25519 /);
  expect(blob).toHaveLength(4 + 11 + 4 + 32);
  expect(build(variants[3]?.[1]).parameters['adminPublicKey']?.value).toBe('ssh-ed25519 AAAA me');
});

test('events of the machines go to the app’s function, with Azure’s longest retries', () => {
  expect(find(build(), 'eventSubscriptions').properties).toMatchObject({
    destination: { endpointType: 'AzureFunction', properties: { resourceId: `${functionAppId}/functions/onEvent` } },
    filter: { subjectBeginsWith: "[concat(resourceGroup().id, '/providers/Microsoft.Compute/')]" },
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 },
  });
});

describe('the check itself finds', () => {
  const broken = (change: (built: ReturnType<typeof build>) => void): string[] => {
    const built = structuredClone(build());
    change(built);
    return checkTemplate(built.template, built.parameters);
  };

  test('a dependency on nothing', () => {
    const problems = broken(({ template }) => (template.resources[0]!.dependsOn = ["[resourceId('a/b', 'c')]"]));
    expect(problems).toContainEqual(expect.stringContaining('depends on a/b c, which does not exist'));
  });

  test('a reference without an order', () => {
    const problems = broken((built) => delete find(built, 'virtualMachineScaleSets').dependsOn);
    expect(problems).toContainEqual(expect.stringContaining('without depending on it'));
  });

  test('a circle', () => {
    const problems = broken((built) => {
      find(built, 'virtualNetworks').dependsOn = [
        "[resourceId('Microsoft.Compute/virtualMachineScaleSets', 'agents')]",
      ];
    });
    expect(problems).toContainEqual(expect.stringContaining('depends on itself'));
  });

  test('an illegal name, a doubled one and parameters that do not fit', () => {
    const problems = broken(({ template, parameters }) => {
      template.resources[0]!.name = 'bad name';
      template.resources.push(template.resources[1]!);
      delete parameters['imageVersion'];
      template.parameters['unused'] = { type: 'string', metadata: { description: '' } };
    });
    expect(problems.join('\n')).toMatch(/not a legal name[^]*|appears twice/);
    expect(problems).toEqual(
      expect.arrayContaining([
        'parameter unused is not used',
        'parameter imageVersion has no value',
        'Microsoft.Network/networkSecurityGroups bad name is not a legal name',
        'Microsoft.Network/networkSecurityGroups agents-security appears twice',
      ]),
    );
  });
});
