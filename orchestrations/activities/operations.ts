import type { World } from '../../shared/ports';
import type { Ending, Progress } from '../contracts';
import { isoNow, updateCluster, writeEvent } from './records';
import { phaseAfterBreak, withAgents, type ClusterRecord } from '../../shared/model/cluster';
import { AppError } from '../../shared/model/errors';
import type { OperationRecord } from '../../shared/model/operation';

/** An operation's row is written by its orchestration and by whoever cancels it: few writers, so a handful of tries. */
const WRITE_ATTEMPTS = 10;

export async function updateOperation(
  world: World,
  id: string,
  change: (record: OperationRecord) => OperationRecord | undefined,
): Promise<OperationRecord | undefined> {
  for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
    const found = await world.operations.get(id);
    if (!found) return undefined;
    const record = change(found.record);
    if (!record) return found.record;
    if (await world.operations.replace(record, found.etag)) return record;
  }
  throw new AppError('AZURE_UNAVAILABLE', `the row of operation ${id} is being written by too many at once`);
}

export async function reportProgress(
  world: World,
  { operationId, phase, progress }: Progress,
): Promise<{ cancelRequested: boolean }> {
  const same = (record: OperationRecord): boolean =>
    record.phase === phase && JSON.stringify(record.progress) === JSON.stringify(progress);
  const record = await updateOperation(world, operationId, (row) =>
    row.state !== 'running' || same(row) ? undefined : { ...row, phase, progress },
  );
  return { cancelRequested: record?.cancelRequested ?? false };
}

/**
 * Lets the cluster go, then writes down how the operation ended: who waits for its end may begin the next one at once.
 * A repeat changes nothing.
 */
export async function finishOperation(world: World, ending: Ending): Promise<void> {
  const { cluster, operationId, state, error = null, result = null } = ending;
  await letGo(world, ending);
  const record = await updateOperation(world, operationId, (row) =>
    row.state === 'running' ? { ...row, state, error, result, phase: state, endedAt: isoNow(world) } : undefined,
  );
  if (record?.state !== state) return; // somebody else has ended it, and said so
  const message = `${record.verb} ${state}${error ? `: ${error.message}` : ''}`;
  const id = `${record.endedAt ?? isoNow(world)}-${operationId}`;
  await writeEvent(world, {
    id,
    cluster,
    type: `operation.${state}`,
    subject: operationId,
    cause: operationId,
    message,
  });
}

/** Only while the operation still holds the cluster: else both phase and wish are somebody else's. */
async function letGo(world: World, ending: Ending): Promise<void> {
  const { cluster, operationId, state, phaseReason = '' } = ending;
  const there = state === 'cancelled' ? (await world.cloud.getScaleSet(cluster))?.capacity : undefined;
  await changeWish(world, { cluster, cause: operationId }, (row) => {
    if (row.operation !== operationId) return undefined;
    const phase = ending.phase ?? phaseAfterBreak(row.phase);
    const ended = { ...row, operation: null, phase, phaseReason };
    // Else the reconcile would carry out what was cancelled. A deploy keeps its wish: it can only be submitted again.
    return there === undefined || phase === 'failed' ? ended : { ...ended, spec: withAgents(row.spec, there) };
  });
}

/** Only while `operationId`, or for automation no operation, holds the cluster: the wish of another is not overwritten. */
export async function setDesiredAgents(
  world: World,
  input: { cluster: string; agents: number; cause: string; operationId?: string },
): Promise<void> {
  const holder = input.operationId ?? null;
  await changeWish(world, input, (row) =>
    row.operation === holder ? { ...row, spec: withAgents(row.spec, input.agents) } : undefined,
  );
}

async function changeWish(
  world: World,
  { cluster, cause }: { cluster: string; cause: string },
  change: (row: ClusterRecord) => ClusterRecord | undefined,
): Promise<void> {
  let before = 0;
  let after = 0;
  await updateCluster(world, cluster, (row) => {
    const changed = change(row);
    before = row.spec.agents.count;
    after = (changed ?? row).spec.agents.count;
    return changed;
  });
  if (before === after) return;
  const message = `the wish is now ${after} agents, it was ${before}`;
  await writeEvent(world, { cluster, type: 'cluster.desired', subject: cluster, cause, message });
}
