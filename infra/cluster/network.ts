import type {
  NatGateway,
  NetworkInterface,
  NetworkInterfaceIPConfiguration,
  NetworkSecurityGroup,
  PublicIPAddress,
  SecurityRule,
  Subnet,
  VirtualNetwork,
} from '@azure/arm-network';
import { type ArmResource, type Body, type Child, resourceId } from './arm';
import type { ClusterTemplateInput } from './input';
import { masterLabel } from '../../shared/model/names';
import * as names from './names';
import { agentRules, masterRules } from './security-rules';

const API_VERSION = '2025-05-01';
const GATEWAY = 'agents-gateway';
const GATEWAY_ADDRESS = 'agents-gateway-address';
const SECURITY = { masters: 'masters-security', agents: 'agents-security' };

export const networkId = resourceId('Microsoft.Network/virtualNetworks', names.NETWORK);
export const subnetId = (subnet: string): string =>
  resourceId('Microsoft.Network/virtualNetworks/subnets', names.NETWORK, subnet);
const securityId = (group: string): string => resourceId('Microsoft.Network/networkSecurityGroups', group);
const addressId = (address: string): string => resourceId('Microsoft.Network/publicIPAddresses', address);
export const masterAddressId = (index: number): string => addressId(`${names.masterName(index)}-address`);
export const masterInterfaceId = (index: number): string =>
  resourceId('Microsoft.Network/networkInterfaces', `${names.masterName(index)}-interface`);

type Rules = { securityRules: Child<SecurityRule>[] };
type NetworkBody = Body<VirtualNetwork, { subnets: Child<Subnet>[] }>;
type InterfaceBody = Body<NetworkInterface, { ipConfigurations: Child<NetworkInterfaceIPConfiguration>[] }>;

/** Network, its two guarded subnets, and the agents' way out. */
export function networkResources(input: ClusterTemplateInput): ArmResource[] {
  return [
    securityGroup(input, SECURITY.masters, masterRules(input)),
    securityGroup(input, SECURITY.agents, agentRules(input.spec.engine)),
    publicAddress(input, GATEWAY_ADDRESS),
    gateway(input),
    network(input),
  ];
}

/** Public address and interface of one master. */
export function masterNetworkResources(input: ClusterTemplateInput, index: number): ArmResource[] {
  const label = masterLabel(input.cluster, input.suffix, index);
  return [publicAddress(input, `${names.masterName(index)}-address`, label), masterInterface(input, index)];
}

function network(input: ClusterTemplateInput): ArmResource<NetworkBody> {
  return {
    ...common(input, 'virtualNetworks', names.NETWORK),
    dependsOn: [
      securityId(SECURITY.masters),
      securityId(SECURITY.agents),
      resourceId('Microsoft.Network/natGateways', GATEWAY),
    ],
    properties: {
      addressSpace: { addressPrefixes: [names.NETWORK_PREFIX] },
      subnets: [
        subnet(names.MASTERS_SUBNET, names.MASTERS_PREFIX, SECURITY.masters),
        subnet(names.AGENTS_SUBNET, names.AGENTS_PREFIX, SECURITY.agents, {
          natGateway: { id: resourceId('Microsoft.Network/natGateways', GATEWAY) },
        }),
      ],
    },
  };
}

/** The service endpoint lets the storage account admit these subnets and nobody else. */
function subnet(name: string, prefix: string, security: string, more: Partial<Body<Subnet>> = {}): Child<Subnet> {
  return {
    name,
    properties: {
      addressPrefix: prefix,
      networkSecurityGroup: { id: securityId(security) },
      serviceEndpoints: [{ service: 'Microsoft.Storage' }],
      defaultOutboundAccess: false,
      ...more,
    },
  };
}

function securityGroup(
  input: ClusterTemplateInput,
  name: string,
  securityRules: Child<SecurityRule>[],
): ArmResource<Body<NetworkSecurityGroup, Rules>> {
  return { ...common(input, 'networkSecurityGroups', name), properties: { securityRules } };
}

/**
 * Agents have no public address, and networks made since 2025 have no outbound access of their own. A NAT gateway costs
 * about 32 US dollars a month plus traffic; a public address per instance costs about 3.60 each, but counts against a
 * regional quota and leaves one wrong rule between an agent and the Internet.
 */
function gateway(input: ClusterTemplateInput): ArmResource<Body<NatGateway>> {
  return {
    ...common(input, 'natGateways', GATEWAY),
    sku: { name: 'Standard' },
    dependsOn: [addressId(GATEWAY_ADDRESS)],
    // Long polls and watches stay open: the default of 4 minutes would cut the agents' idle tunnels.
    properties: { idleTimeoutInMinutes: 30, publicIpAddresses: [{ id: addressId(GATEWAY_ADDRESS) }] },
  };
}

function publicAddress(
  input: ClusterTemplateInput,
  name: string,
  domainNameLabel?: string,
): ArmResource<Body<PublicIPAddress>> {
  return {
    ...common(input, 'publicIPAddresses', name),
    // Standard is closed to the Internet until a security group opens it; Basic was open, and is retired.
    sku: { name: 'Standard' },
    properties: { publicIPAllocationMethod: 'Static', ...(domainNameLabel && { dnsSettings: { domainNameLabel } }) },
  };
}

function masterInterface(input: ClusterTemplateInput, index: number): ArmResource<InterfaceBody> {
  return {
    ...common(input, 'networkInterfaces', `${names.masterName(index)}-interface`),
    dependsOn: [networkId, masterAddressId(index)],
    properties: {
      ipConfigurations: [
        {
          name: 'primary',
          properties: {
            privateIPAllocationMethod: 'Static',
            privateIPAddress: names.masterAddress(index),
            subnet: { id: subnetId(names.MASTERS_SUBNET) },
            publicIPAddress: { id: masterAddressId(index) },
          },
        },
      ],
    },
  };
}

function common({ cluster, spec }: ClusterTemplateInput, type: string, name: string) {
  return {
    type: `Microsoft.Network/${type}`,
    apiVersion: API_VERSION,
    name,
    location: spec.location,
    tags: names.clusterTags(cluster),
  };
}
