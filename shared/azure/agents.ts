import type { VirtualMachineScaleSetsOperations } from '@azure/arm-compute';
import { computeGroup, SCALE_SET } from '../model/cluster';
import { AppError, refuse, type Outcome } from '../model/errors';
import type { Begun } from '../ports';
import type { AzureClients } from './clients';
import { describe, readFailure, toRefusal, type AzureFailure } from './errors';
import { listInstanceIds } from './machines';
import { begin, nothingToWaitFor, type SdkPoller } from './pollers';

/** Azure names no limit for ids in one call; this many are known to work (facts 3.4). */
const BATCH = 100;
/** Instances of one scale set, at most. */
const MAX_IDS = 1000;

/** One request for one batch of agents. */
type Submit = (sets: VirtualMachineScaleSetsOperations, group: string, instanceIds: string[]) => SdkPoller;
type OnAgents = (clients: AzureClients, cluster: string, instanceIds: string[]) => Promise<Outcome<Begun>>;

/** A batch that meets a conflict refuses the whole: what was begun shows in the listing, and a repeat leaves it out. */
const onAgents =
  (submit: Submit): OnAgents =>
  (clients, cluster, instanceIds) =>
    onInstances(clients, cluster, instanceIds, (batch) =>
      submit(clients.compute().virtualMachineScaleSets, computeGroup(cluster), batch),
    );

export const deleteAgents = onAgents((sets, group, instanceIds) =>
  sets.deleteInstances(group, SCALE_SET, { instanceIds }),
);
export const startAgents = onAgents((sets, group, instanceIds) =>
  sets.start(group, SCALE_SET, { vmInstanceIDs: { instanceIds } }),
);
export const restartAgents = onAgents((sets, group, instanceIds) =>
  sets.restart(group, SCALE_SET, { vmInstanceIDs: { instanceIds } }),
);
export const reimageAgents = onAgents((sets, group, instanceIds) =>
  sets.reimage(group, SCALE_SET, { vmScaleSetReimageInput: { instanceIds } }),
);
export const updateAgents = onAgents((sets, group, instanceIds) =>
  sets.updateInstances(group, SCALE_SET, { instanceIds }),
);
/** Without `skipShutdown`: guests get to stop their services. */
const powerOffAgents = onAgents((sets, group, instanceIds) =>
  sets.powerOff(group, SCALE_SET, { vmInstanceIDs: { instanceIds } }),
);
const deallocateAgents = onAgents((sets, group, instanceIds) =>
  sets.deallocate(group, SCALE_SET, { vmInstanceIDs: { instanceIds } }),
);

export const stopAgents = (
  clients: AzureClients,
  cluster: string,
  instanceIds: string[],
  how: { deallocate: boolean },
): Promise<Outcome<Begun>> => (how.deallocate ? deallocateAgents : powerOffAgents)(clients, cluster, instanceIds);

/** Azure evicts Spot machines only. */
export async function simulateEviction(
  clients: AzureClients,
  cluster: string,
  instanceId: string,
): Promise<Outcome<object>> {
  try {
    await clients.compute().virtualMachineScaleSetVMs.simulateEviction(computeGroup(cluster), SCALE_SET, instanceId);
    return { ok: true };
  } catch (error) {
    const failure = readFailure(error);
    if (failure && isUnknownInstance(failure)) return refuse('NODE_NOT_FOUND', describe(failure));
    if (failure && isNotSpot(failure)) return refuse('INVALID_REQUEST', describe(failure));
    return toRefusal(error);
  }
}

/** 409 `OperationNotAllowed` or a 400, which names Spot; the wording is not documented. */
const isNotSpot = ({ status, message }: AzureFailure): boolean =>
  (status === 400 || status === 409) && /\bspot\b/i.test(message);

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

const namesUnknownInstance = (error: unknown): boolean => {
  const failure = error instanceof AppError ? readFailure(error.cause) : undefined;
  return failure !== undefined && isUnknownInstance(failure);
};

/** 404, or 400 `InvalidParameter`: "The provided instanceId 7 is not an active Virtual Machine Scale Set VM instanceId." */
const isUnknownInstance = ({ status, message }: AzureFailure): boolean =>
  status === 404 || (status === 400 && /instance ?ids?\b/i.test(message));
