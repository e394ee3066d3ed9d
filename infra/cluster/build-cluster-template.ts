import { nobodysPublicKey } from './admin-key';
import { type ArmParameters, type ArmTemplate, TEMPLATE_SCHEMA, reference } from './arm';
import { autoscaleSetting } from './autoscale';
import { eventResources } from './events';
import type { ClusterTemplateInput } from './input';
import { ADMIN_KEY, AGENT_DATA, IMAGE_VERSION, availabilitySet, master, masterData, scaleSet } from './machines';
import { masterAddressId, masterNetworkResources, networkResources } from './network';
import { storageDeployment } from './storage';

/**
 * Ubuntu 24.04, pinned: all machines of a release run the same image, also those that join in a year. Canonical keeps
 * published versions; raising this one is a change of release.
 */
export const PINNED_IMAGE_VERSION = '24.04.202510010';

/**
 * The one deployment that makes a cluster, for the group `{cluster}-compute`; both groups must exist. Pure: the same
 * input gives the same text, so that a repeat of the deployment converges. Holds no secret.
 */
export function buildClusterTemplate(input: ClusterTemplateInput): {
  template: ArmTemplate;
  parameters: ArmParameters;
} {
  const described = describeParameters(input);
  const template: ArmTemplate = {
    $schema: TEMPLATE_SCHEMA,
    contentVersion: '1.0.0.0',
    parameters: mapValues(described, ({ description }) => ({ type: 'string' as const, metadata: { description } })),
    resources: resources(input),
    outputs: {
      masters: {
        type: 'array',
        value: masterIndexes(input).map((index) => reference(masterAddressId(index), 'dnsSettings.fqdn')),
      },
    },
  };
  return { template, parameters: mapValues(described, ({ value }) => ({ value })) };
}

function resources(input: ClusterTemplateInput): ArmTemplate['resources'] {
  return [
    ...networkResources(input),
    ...eventResources(input),
    storageDeployment(input),
    availabilitySet(input),
    ...masterIndexes(input).flatMap((index) => [...masterNetworkResources(input, index), master(input, index)]),
    scaleSet(input),
    ...autoscaleSetting(input),
  ];
}

function describeParameters(input: ClusterTemplateInput): Record<string, { value: string; description: string }> {
  const masters = masterIndexes(input).map((index) => [
    masterData(index),
    { value: input.customData.master(index), description: `cloud-init of master${index}, base64, no secrets` },
  ]);
  return {
    [IMAGE_VERSION]: { value: PINNED_IMAGE_VERSION, description: 'Version of the Ubuntu 24.04 image' },
    [ADMIN_KEY]: {
      value: input.spec.ssh?.publicKey ?? nobodysPublicKey(),
      description: 'SSH public key; one that nobody can use where SSH is not wanted',
    },
    [AGENT_DATA]: { value: input.customData.agent, description: 'cloud-init of agents, base64, no secrets' },
    ...Object.fromEntries(masters),
  };
}

const masterIndexes = ({ spec }: ClusterTemplateInput): number[] => [...Array(spec.masters.count).keys()];

const mapValues = <From, To>(from: Record<string, From>, change: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(from).map(([key, value]) => [key, change(value)]));
