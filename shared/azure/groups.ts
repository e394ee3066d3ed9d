import type { ResourceGroup } from '@azure/arm-resources';
import { CLUSTER_TAG, computeGroup, OWNER, OWNER_TAG, storageGroup } from '../model/cluster';
import { AppError, refuse, type Outcome } from '../model/errors';
import type { AzureClients } from './clients';
import { foundOrUndefined, isStatus, toAppError, toRefusal, translated } from './errors';

/** Emptying a group takes minutes; asking sooner only costs reads. */
const BEING_DELETED_RETRY_MS = 30_000;

/** Looks at both before it makes one, so that a refusal leaves nothing behind. */
export async function ensureGroups(clients: AzureClients, cluster: string, location: string): Promise<Outcome<object>> {
  const names = [storageGroup(cluster), computeGroup(cluster)];
  const found = await Promise.all(names.map((name) => readGroup(clients, name)));
  for (const group of found) {
    if (group && !isOurs(group, cluster))
      return refuse('NAME_TAKEN', `The resource group ${group.name} exists already`);
    if (group && isBeingDeleted(group)) throw stillThere(group);
  }
  try {
    for (const name of names.filter((_, index) => !found[index])) {
      await clients.resources().resourceGroups.createOrUpdate(name, { location, tags: tagsOf(cluster) });
    }
  } catch (error) {
    return toRefusal(error, 'DEPLOYMENT_FAILED');
  }
  return { ok: true };
}

export async function deleteGroup(
  clients: AzureClients,
  cluster: string,
  name: string,
): Promise<'begun' | 'absent' | 'foreign'> {
  const group = await readGroup(clients, name);
  if (!group) return 'absent';
  if (!isOurs(group, cluster)) return 'foreign';
  if (isBeingDeleted(group)) return 'begun';
  let accepted = false;
  try {
    await clients.resources().resourceGroups.beginDelete(name, {
      onResponse: ({ status }) => {
        accepted ||= status < 300;
      },
    });
  } catch (error) {
    // The SDK polls once after it has begun; what that says will be asked again by the workflow.
    if (!accepted && isStatus(error, 404)) return 'absent';
    if (!accepted) throw toAppError(error);
  }
  return 'begun';
}

export async function ownsGroup(clients: AzureClients, cluster: string, name: string): Promise<boolean> {
  const group = await readGroup(clients, name);
  return group !== undefined && isOurs(group, cluster);
}

export const groupExists = (clients: AzureClients, name: string): Promise<boolean> =>
  translated(async () => (await clients.resources().resourceGroups.checkExistence(name)).body);

/** Two listings: resources and resource groups are different things to ARM. */
export async function listTagged(clients: AzureClients, cluster: string): Promise<string[]> {
  const filter = `tagName eq '${CLUSTER_TAG}' and tagValue eq '${cluster}'`;
  const { resourceGroups, resources } = clients.resources();
  return translated(async () => {
    const ids: string[] = [];
    for await (const { id } of resourceGroups.list({ filter })) if (id) ids.push(id);
    for await (const { id } of resources.list({ filter })) if (id) ids.push(id);
    return ids;
  });
}

const tagsOf = (cluster: string): Record<string, string> => ({ [CLUSTER_TAG]: cluster, [OWNER_TAG]: OWNER });

const readGroup = (clients: AzureClients, name: string): Promise<ResourceGroup | undefined> =>
  foundOrUndefined(() => clients.resources().resourceGroups.get(name));

const isOurs = ({ tags }: ResourceGroup, cluster: string): boolean =>
  tags?.[OWNER_TAG] === OWNER && tags[CLUSTER_TAG] === cluster;

const isBeingDeleted = ({ properties }: ResourceGroup): boolean =>
  /^(deleting|deprovisioning)$/i.test(properties?.provisioningState ?? '');

const stillThere = ({ name }: ResourceGroup): AppError =>
  new AppError('AZURE_UNAVAILABLE', `The resource group ${name} is still being deleted`, {
    retryAfterMs: BEING_DELETED_RETRY_MS,
  });
