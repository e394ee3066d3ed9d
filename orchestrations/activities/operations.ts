import type { World } from '../../shared/ports';
import type { Ending, Progress } from '../contracts';
import { isoNow, updateCluster, writeEvent } from './records';
import { phaseAfterBreak, withAgents, withFinished, type ClusterRecord } from '../../shared/model/cluster';
import { AppError } from '../../shared/model/errors';
import { verbOf, type OperationRecord, type Verb } from '../../shared/model/operation';

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
export async function finishOperation(world: World, asked: Ending): Promise<void> {
  const ending = await afterPreemption(world, asked);
  const { cluster, operationId, state, error = null, result = null } = ending;
  await letGo(world, ending);
  const record = await updateOperation(world, operationId, (row) =>
    row.state === 'running'
      ? { ...row, state, error, result, phase: state, progress: progressAtEnd(row, state), endedAt: isoNow(world) }
      : undefined,
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

/** All steps are done when it succeeded, and a stop has stopped all. Other counts tell how many nodes came or were struck. */
function progressAtEnd({ progress, verb }: OperationRecord, state: Ending['state']): OperationRecord['progress'] {
  const isAll = state === 'succeeded' && (progress.unit === 'steps' || verb === 'stop');
  return isAll ? { ...progress, done: progress.total } : progress;
}

/** What fails once another operation has taken the cluster fails because of that. */
async function afterPreemption(world: World, ending: Ending): Promise<Ending> {
  if (ending.state !== 'failed') return ending;
  const holder = (await world.clusters.get(ending.cluster))?.record.operation;
  if (!holder || holder === ending.operationId) return ending;
  return { ...ending, state: 'cancelled', error: { code: 'CANCELLED', message: `pre-empted by ${holder}` } };
}

/** What the operation has changed of the number of agents is all that is left of its wish, if it had one. */
async function wishAfterCancel(world: World, { cluster, operationId, state }: Ending): Promise<number | undefined> {
  if (state !== 'cancelled' || !CHANGES_WISH.includes(verbOf(operationId))) return undefined;
  const capacity = (await world.cloud.getScaleSet(cluster))?.capacity;
  const rows = (await world.nodes.list(cluster)).map(({ record }) => record);
  const parked = rows.filter((row) => row.role === 'agent' && row.state === 'parked').length;
  return capacity === undefined ? undefined : Math.max(0, capacity - parked);
}

const CHANGES_WISH: readonly string[] = ['deploy', 'scale', 'converge', 'start', 'stop'];

/** Only while the operation still holds the cluster: else both phase and wish are somebody else's. */
async function letGo(world: World, ending: Ending): Promise<void> {
  const { cluster, operationId, phaseReason = '' } = ending;
  const there = await wishAfterCancel(world, ending);
  await changeWish(world, { cluster, cause: operationId }, (row) => {
    if (row.operation !== operationId) return undefined;
    const phase = ending.phase ?? phaseAfterBreak(row.phase);
    const left = ending.state === 'succeeded' ? withFinished(row, verbOf(operationId) as Verb) : row;
    const ended = { ...left, operation: null, phase, phaseReason };
    // Else the reconcile would carry out what was cancelled. A deploy keeps its wish: it can only be submitted again.
    // What is stopped keeps it for when it is started.
    return there === undefined || phase === 'failed' || phase === 'stopped'
      ? ended
      : { ...ended, spec: withAgents(row.spec, there) };
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

/** Changes the cluster's row, and tells when that changed the number of agents that is wished for. */
export async function changeWish(
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
