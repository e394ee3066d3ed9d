import type { Core } from './core';
import { badRequest } from './arm/errors';
import { keyOf } from './arm/ids';
import { usersOf } from './arm/references';
import type { Resource } from './arm/resources';
import type { ResourceType } from './arm/types';
import type { Addresses } from './compute/addresses';
import { isObject, listAt, textAt, type JsonObject } from './json';

/** Lists whose members are resources of their own to ARM: they get an id, an ETag and a state. */
const MEMBERS = [
  'subnets',
  'securityRules',
  'ipConfigurations',
  'frontendIPConfigurations',
  'backendAddressPools',
  'probes',
  'loadBalancingRules',
  'inboundNatRules',
  'inboundNatPools',
  'outboundRules',
];

/** The network provider: written in a few seconds, deleted only when nothing uses it. */
export function networkTypes(core: Core, addresses: Addresses): ResourceType[] {
  const plain = (name: string, more: Partial<ResourceType> = {}): ResourceType => ({
    type: `Microsoft.Network/${name}`,
    latency: (latencies) => latencies.network,
    prepare: (draft) => withMembers(draft),
    checkRemovable: (resource) => checkUnused(core, resource),
    ...more,
  });
  return [
    plain('virtualNetworks', { checkRemovable: (resource) => checkSubnetsEmpty(resource, addresses) }),
    plain('networkSecurityGroups', { prepare: (draft) => withMembers(checkedRules(draft)) }),
    plain('natGateways'),
    plain('routeTables'),
    plain('loadBalancers'),
    plain('publicIPAddresses', { prepare: (draft, existing) => publicAddress(core, draft, existing) }),
    plain('networkInterfaces', {
      prepare: (draft, existing) => networkInterface(draft, existing, addresses),
      checkRemovable: checkDetached,
      removed: (resource) => releaseInterface(resource, addresses),
    }),
    plain('privateDnsZones', { global: true }),
  ];
}

/** Addresses that a deleted interface held are free again. */
function releaseInterface(resource: Resource, addresses: Addresses): void {
  for (const config of listAt(resource.properties, 'ipConfigurations')) {
    const subnetId = textAt(config, 'properties.subnet.id');
    if (subnetId) addresses.release(subnetId, resource.id);
  }
}

function withMembers(draft: Resource): Resource {
  const properties: JsonObject = { resourceGuid: undefined, ...draft.properties };
  for (const list of MEMBERS) {
    if (!Array.isArray(properties[list])) continue;
    properties[list] = (properties[list] as unknown[]).filter(isObject).map((member) => ({
      ...member,
      id: `${draft.id}/${list}/${String(member.name)}`,
      etag: `W/"${draft.version + 1}"`,
      properties: { ...(isObject(member.properties) ? member.properties : {}), provisioningState: 'Succeeded' },
    }));
  }
  return { ...draft, properties };
}

const DIRECTIONS = ['inbound', 'outbound'];

/** Two rules of one direction with the same priority are the classic mistake. */
function checkedRules(draft: Resource): Resource {
  const rules = listAt(draft.properties, 'securityRules');
  for (const direction of DIRECTIONS) {
    const priorities = rules
      .filter((rule) => textAt(rule, 'properties.direction')?.toLowerCase() === direction)
      .map((rule) => ({
        name: textAt(rule, 'name'),
        priority: Number((rule as { properties?: { priority?: unknown } }).properties?.priority),
      }));
    for (const { name, priority } of priorities) {
      if (!(priority >= 100 && priority <= 4096))
        throw badRequest(
          'SecurityRuleInvalidPriority',
          `Security rule ${name} has an invalid priority ${priority}. Allowed values are from 100 to 4096.`,
        );
      const twin = priorities.find((other) => other.name !== name && other.priority === priority);
      if (twin)
        throw badRequest(
          'SecurityRuleConflict',
          `Security rule ${name} conflicts with rule ${twin.name}. Rules cannot have the same Priority and Direction.`,
        );
    }
  }
  return draft;
}

function publicAddress(core: Core, draft: Resource, existing: Resource | undefined): Resource {
  const label = textAt(draft.properties, 'dnsSettings.domainNameLabel');
  const fqdn = label && `${label}.${draft.location}.cloudapp.azure.com`;
  if (fqdn) checkLabelFree(core, draft, fqdn);
  const [a, b, c] = ['a', 'b', 'c'].map(
    (part) => Math.floor(core.chance.unit(`address/${keyOf(draft.id)}/${part}`) * 254) + 1,
  );
  return {
    ...draft,
    properties: {
      publicIPAllocationMethod: 'Static',
      publicIPAddressVersion: 'IPv4',
      idleTimeoutInMinutes: 4,
      ...draft.properties,
      ipAddress: existing?.properties.ipAddress ?? `20.${a}.${b}.${c}`,
      ...(fqdn && { dnsSettings: { domainNameLabel: label, fqdn } }),
    },
  };
}

function checkLabelFree(core: Core, draft: Resource, fqdn: string): void {
  const holder = core.resources
    .below(`/subscriptions/${core.settings.subscriptionId}`)
    .find((other) => keyOf(other.id) !== keyOf(draft.id) && textAt(other.properties, 'dnsSettings.fqdn') === fqdn);
  if (holder) throw badRequest('DnsRecordInUse', `DNS record ${fqdn} is already used by another public IP.`);
}

function networkInterface(draft: Resource, existing: Resource | undefined, addresses: Addresses): Resource {
  const configs = listAt(draft.properties, 'ipConfigurations').filter(isObject);
  if (configs.length === 0)
    throw badRequest(
      'NetworkInterfaceMustHaveIpConfigurations',
      `Network interface ${draft.name} must have at least one IP configuration.`,
    );
  const placed = configs.map((config, index) => {
    const inner = isObject(config.properties) ? config.properties : {};
    const subnetId = textAt(inner, 'subnet.id') ?? '';
    const privateIPAddress = addresses.take(subnetId, draft.id, textAt(inner, 'privateIPAddress'));
    return {
      ...config,
      properties: { primary: index === 0, privateIPAllocationMethod: 'Dynamic', ...inner, privateIPAddress },
    };
  });
  const attached = existing?.properties.virtualMachine;
  return withMembers({
    ...draft,
    properties: {
      ...draft.properties,
      ipConfigurations: placed,
      ...(attached !== undefined && { virtualMachine: attached }),
    },
  });
}

function checkDetached(nic: Resource): void {
  const vm = textAt(nic.properties, 'virtualMachine.id');
  if (vm)
    throw badRequest(
      'NicInUse',
      `Network Interface ${nic.id} is used by existing resource ${vm}. In order to delete the network interface, it must be dissociated from the resource.`,
    );
}

function checkSubnetsEmpty(network: Resource, addresses: Addresses): void {
  const busy = listAt(network.properties, 'subnets')
    .map((subnet) => textAt(subnet, 'id') ?? '')
    .find((id) => addresses.inUse(id));
  if (busy)
    throw badRequest(
      'InUseSubnetCannotBeDeleted',
      `Subnet ${busy} is in use and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet.`,
    );
}

function checkUnused(core: Core, resource: Resource): void {
  const user = usersOf(core, resource.id)[0];
  if (!user) return;
  const kind = resource.type.split('/')[1] ?? '';
  const code =
    kind === 'publicIPAddresses'
      ? 'PublicIPAddressCannotBeDeleted'
      : `InUse${kind.charAt(0).toUpperCase()}${kind.slice(1).replace(/s$/, '')}CannotBeDeleted`;
  throw badRequest(
    code,
    `${resource.type} ${resource.id} cannot be deleted because it is in use by the following resource: ${user}.`,
  );
}
