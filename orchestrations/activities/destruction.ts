import { CLUSTER_TAG, computeGroup, storageGroup } from '../../shared/model/cluster';
import { secretNames } from '../../shared/model/names';
import type { World } from '../../shared/ports';
import type { DestroyInput } from '../contracts';
import { isoNow } from './records';

const groupsOf = ({ cluster, storage }: DestroyInput): string[] =>
  storage === 'keep' ? [computeGroup(cluster)] : [computeGroup(cluster), storageGroup(cluster)];

/** Begins to delete what is there; a repeat asks again and so tells what is still there. */
export async function deleteGroups(
  world: World,
  input: DestroyInput,
): Promise<{ pending: string[]; foreign: string[] }> {
  const pending: string[] = [];
  const foreign: string[] = [];
  for (const group of groupsOf(input)) {
    const answer = await world.cloud.deleteGroup(input.cluster, group);
    if (answer === 'begun') pending.push(group);
    if (answer === 'foreign') foreign.push(group);
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

/** Forgets the cluster: secrets, rows. Operations and events stay, and the certificate says what was deleted. */
export async function forgetCluster(world: World, input: DestroyInput): Promise<{ certificate: unknown }> {
  const nodes = (await world.nodes.list(input.cluster)).length;
  const names = secretNames(input.cluster);
  for (const name of [names.engine, names.joinKey, names.serverToken]) await world.vault.remove(name);
  const issuedAt = isoNow(world);
  const certificate = {
    cluster: input.cluster,
    operation: input.operationId,
    issuedAt,
    deleted: { resourceGroups: groupsOf(input), secrets: Object.values(names), nodesOnRecord: nodes },
    kept: input.storage === 'keep' ? [storageGroup(input.cluster)] : [],
    checked: { tag: `${CLUSTER_TAG}=${input.cluster}`, remaining: 0 },
  };
  const id = `${issuedAt}-${input.operationId}-certificate`;
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
  await world.clusters.remove(input.cluster);
  return { certificate };
}
