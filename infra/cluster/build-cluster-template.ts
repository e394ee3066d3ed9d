import { nobodysPublicKey } from './admin-key';
import { type ArmParameters, type ArmResource, type ArmTemplate, TEMPLATE_SCHEMA, reference } from './arm';
import { autoscaleSetting } from './autoscale';
import { keyOf, referencesIn } from './check-template';
import { eventResources } from './events';
import type { ClusterTemplateInput, TemplatePart } from './input';
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
  const described = describeParameters(input, masterIndexes(input));
  return assemble(described, resources(input), {
    masters: {
      type: 'array',
      value: masterIndexes(input).map((index) => reference(masterAddressId(index), 'dnsSettings.fqdn')),
    },
  });
}

/** Network and storage only: what lies there can be filled before there is a machine, and keeps its account and shares. */
export const buildStorageTemplate = (input: ClusterTemplateInput): ReturnType<typeof buildClusterTemplate> =>
  assemble({}, [...networkResources(input), storageDeployment(input)]);

/**
 * One master that is to be made anew, with its address and network card, which a deleted one may have left or not. The
 * network must be there. Throws for a master that the cluster does not have.
 */
export function buildMasterTemplate(
  input: ClusterTemplateInput,
  index: number,
): ReturnType<typeof buildClusterTemplate> {
  if (!masterIndexes(input).includes(index)) throw new Error(`${input.cluster} has no master${index}`);
  const { [AGENT_DATA]: _, ...described } = describeParameters(input, [index]);
  return assemble(described, [availabilitySet(input), ...masterNetworkResources(input, index), master(input, index)]);
}

/** `all`, `storage` or `master1`. */
export function buildPartTemplate(
  input: ClusterTemplateInput,
  part: TemplatePart,
): ReturnType<typeof buildClusterTemplate> {
  if (part === 'all') return buildClusterTemplate(input);
  if (part === 'storage') return buildStorageTemplate(input);
  return buildMasterTemplate(input, Number(part.slice('master'.length)));
}

function assemble(
  described: Record<string, { value: string; description: string }>,
  resources: ArmResource[],
  outputs: ArmTemplate['outputs'] = {},
): ReturnType<typeof buildClusterTemplate> {
  const template: ArmTemplate = {
    $schema: TEMPLATE_SCHEMA,
    contentVersion: '1.0.0.0',
    parameters: mapValues(described, ({ description }) => ({ type: 'string' as const, metadata: { description } })),
    resources: withinTemplate(resources),
    outputs,
  };
  return { template, parameters: mapValues(described, ({ value }) => ({ value })) };
}

/** Azure refuses a template in which something depends on what is not in it, although that is there already. */
function withinTemplate(resources: ArmResource[]): ArmResource[] {
  const keys = new Set(resources.map(keyOf));
  return resources.map((resource) =>
    resource.dependsOn
      ? { ...resource, dependsOn: resource.dependsOn.filter((id) => referencesIn(id).every((key) => keys.has(key))) }
      : resource,
  );
}

function resources(input: ClusterTemplateInput): ArmResource[] {
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

function describeParameters(
  input: ClusterTemplateInput,
  indexes: number[],
): Record<string, { value: string; description: string }> {
  const masters = indexes.map((index) => [
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
