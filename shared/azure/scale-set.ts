import { computeGroup, SCALE_SET } from '../model/cluster';
import { AppError, type Outcome } from '../model/errors';
import type { Begun, ScaleSet } from '../ports';
import type { AzureClients } from './clients';
import { foundOrUndefined, readFailure } from './errors';
import { listInstanceIds, provisioningOf } from './machines';
import { begin, conflict, nothingToWaitFor, type SdkPoller } from './pollers';

/** Azure names no limit for ids in one call; this many are known to work (facts 3.4). */
const BATCH = 100;
/** Instances of one scale set, at most. */
const MAX_IDS = 1000;

export async function getScaleSet(clients: AzureClients, cluster: string): Promise<ScaleSet | undefined> {
  const set = await readScaleSet(clients, cluster);
  return (
    set && {
      capacity: set.sku?.capacity ?? 0,
      size: set.sku?.name ?? '',
      etag: set.etag ?? '',
      provisioning: provisioningOf(set.provisioningState),
    }
  );
}

/** Reads first: the patch must repeat the size, and a stale etag is refused without one of the four writes a minute. */
export async function setCapacity(
  clients: AzureClients,
  cluster: string,
  capacity: number,
  etag: string,
): Promise<Outcome<Begun>> {
  const set = await readScaleSet(clients, cluster);
  if (!set) return conflict('The scale set is gone');
  if (!etag || set.etag !== etag) return conflict('The scale set was changed since it was read');
  const { name, tier } = set.sku ?? {};
  const { virtualMachineScaleSets } = clients.compute();
  return begin(() =>
    virtualMachineScaleSets.update(
      computeGroup(cluster),
      SCALE_SET,
      { sku: { name, tier, capacity } },
      { ifMatch: etag },
    ),
  );
}

/** A batch that meets a conflict refuses the whole: what was begun shows in the listing, and a repeat leaves it out. */
export function deleteAgents(clients: AzureClients, cluster: string, instanceIds: string[]): Promise<Outcome<Begun>> {
  const { virtualMachineScaleSets } = clients.compute();
  return onInstances(clients, cluster, instanceIds, (batch) =>
    virtualMachineScaleSets.deleteInstances(computeGroup(cluster), SCALE_SET, { instanceIds: batch }),
  );
}

export function startAgents(clients: AzureClients, cluster: string, instanceIds: string[]): Promise<Outcome<Begun>> {
  const { virtualMachineScaleSets } = clients.compute();
  return onInstances(clients, cluster, instanceIds, (batch) =>
    virtualMachineScaleSets.start(computeGroup(cluster), SCALE_SET, { vmInstanceIDs: { instanceIds: batch } }),
  );
}

export function restartAgents(clients: AzureClients, cluster: string, instanceIds: string[]): Promise<Outcome<Begun>> {
  const { virtualMachineScaleSets } = clients.compute();
  return onInstances(clients, cluster, instanceIds, (batch) =>
    virtualMachineScaleSets.restart(computeGroup(cluster), SCALE_SET, { vmInstanceIDs: { instanceIds: batch } }),
  );
}

export const startMaster = (clients: AzureClients, cluster: string, name: string): Promise<Outcome<Begun>> =>
  begin(() => clients.compute().virtualMachines.start(computeGroup(cluster), name));

const readScaleSet = (clients: AzureClients, cluster: string) =>
  foundOrUndefined(() => clients.compute().virtualMachineScaleSets.get(computeGroup(cluster), SCALE_SET));

/**
 * Azure refuses a whole batch for one id that it does not know. Then the listing tells which ones are left; those that are
 * being deleted already are left out too, so that a repeat does not lower the capacity twice.
 */
async function onInstances(
  clients: AzureClients,
  cluster: string,
  instanceIds: string[],
  submit: (batch: string[]) => SdkPoller,
): Promise<Outcome<Begun>> {
  requireIds(instanceIds);
  try {
    return await inBatches(instanceIds, submit);
  } catch (error) {
    if (!namesUnknownInstance(error)) throw error;
  }
  const known = await listInstanceIds(clients, cluster);
  const left = instanceIds.filter((id) => known.has(id));
  return left.length > 0 ? inBatches(left, submit) : nothingToWaitFor();
}

function inBatches(ids: string[], submit: (batch: string[]) => SdkPoller): Promise<Outcome<Begun>> {
  const batches: string[][] = [];
  for (let start = 0; start < ids.length; start += BATCH) batches.push(ids.slice(start, start + BATCH));
  return begin(...batches.map((batch) => () => submit(batch)));
}

/** To Azure "no ids" means every instance of the scale set, so that a bug here would stop a whole cluster. */
function requireIds(ids: string[]): void {
  if (ids.length > 0 && ids.length <= MAX_IDS) return;
  throw new AppError('INTERNAL', `1 to ${MAX_IDS} instance ids are needed, not ${ids.length}`);
}

/** 404, or 400 `InvalidParameter`: "The provided instanceId 7 is not an active Virtual Machine Scale Set VM instanceId." */
function namesUnknownInstance(error: unknown): boolean {
  const failure = error instanceof AppError ? readFailure(error.cause) : undefined;
  if (!failure) return false;
  return failure.status === 404 || (failure.status === 400 && /instance ?ids?\b/i.test(failure.message));
}
