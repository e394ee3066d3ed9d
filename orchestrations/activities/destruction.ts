import { CLUSTER_TAG, computeGroup, storageGroup } from '../../shared/model/cluster';
import { AppError } from '../../shared/model/errors';
import { secretNames } from '../../shared/model/names';
import type { World } from '../../shared/ports';
import type { DestroyInput } from '../contracts';
import { isoNow, mayProceed } from './records';

const groupsOf = ({ cluster, storage }: DestroyInput): string[] =>
  storage === 'keep' ? [computeGroup(cluster)] : [computeGroup(cluster), storageGroup(cluster)];

/**
 * Begins to delete what is there; a repeat asks again and so tells what is still there. Throws CANCELLED when the cluster
 * is no longer this operation's: a repeat that comes late must not delete what was deployed anew under the name.
 */
export async function deleteGroups(
  world: World,
  input: DestroyInput,
): Promise<{ pending: string[]; foreign: string[] }> {
  const found = await world.clusters.get(input.cluster);
  if (found?.record.operation !== input.operationId)
    throw new AppError('CANCELLED', `${input.operationId} no longer holds ${input.cluster}`);
  // Endpoints are known once a deployment was submitted; before that a foreign group only means that the name was taken.
  const wasDeployed = found.record.endpoints.length > 0;
  const pending: string[] = [];
  const foreign: string[] = [];
  for (const group of groupsOf(input)) {
    const answer = await world.cloud.deleteGroup(input.cluster, group);
    if (answer === 'begun') pending.push(group);
    if (answer === 'foreign' && wasDeployed) foreign.push(group);
  }
  return { pending, foreign };
}

/** Whatever in the subscription still carries the cluster's tag, without what the operator keeps. */
export async function findLeftovers(world: World, input: DestroyInput): Promise<{ leftovers: string[] }> {
  const kept = `/resourcegroups/${storageGroup(input.cluster)}`;
  const tagged = await world.cloud.listTagged(input.cluster);
  const leftovers = tagged.filter((id) => input.storage === 'delete' || !isWithin(id.toLowerCase(), kept));
  return { leftovers };
}

const isWithin = (id: string, group: string): boolean => id.endsWith(group) || id.includes(`${group}/`);

/**
 * Forgets the cluster: secrets, rows. Operations and events stay, and the certificate says what was deleted. A repeat
 * changes nothing, also when the name has a new cluster by then.
 */
export async function forgetCluster(world: World, input: DestroyInput): Promise<{ certificate: unknown }> {
  const isHeld = await mayProceed(world, input.cluster, input.operationId);
  const nodes = isHeld ? (await world.nodes.list(input.cluster)).length : 0;
  const found = await world.clusters.get(input.cluster);
  const reports = found ? world.engines.secretNames(found.record) : [];
  const names = [...new Set([...Object.values(secretNames(input.cluster)), ...reports])];
  if (isHeld) for (const name of names) await world.vault.remove(name);
  const issuedAt = isoNow(world);
  const certificate = {
    cluster: input.cluster,
    operation: input.operationId,
    issuedAt,
    deleted: { resourceGroups: await goneOf(world, input), secrets: names, nodesOnRecord: nodes },
    kept: input.storage === 'keep' ? [storageGroup(input.cluster)] : [],
    checked: { tag: `${CLUSTER_TAG}=${input.cluster}`, remaining: 0 },
  };
  const id = `${input.operationId}-certificate`;
  const message = `nothing tagged ${certificate.checked.tag} remains${input.storage === 'keep' ? ', except the storage that was kept' : ''}`;
  await world.events.append([
    {
      cluster: input.cluster,
      id,
      at: issuedAt,
      type: 'cluster.destroyed',
      subject: input.cluster,
      cause: input.operationId,
      message,
    },
  ]);
  if (isHeld) await world.clusters.remove(input.cluster);
  return { certificate };
}

/** Without a group of that name which was never Starling's. */
async function goneOf(world: World, input: DestroyInput): Promise<string[]> {
  const groups = groupsOf(input);
  const exist = await Promise.all(groups.map((group) => world.cloud.groupExists(group)));
  return groups.filter((_, index) => !exist[index]);
}
