import { randomBytes } from 'node:crypto';
import { orchestrations } from '../orchestrations/contracts';
import { presentOperation } from '../shared/api';
import type { ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import { operationId, type OperationRecord, type Verb } from '../shared/model/operation';
import type { World } from '../shared/ports';
import { prepareOrEnd, type Prepare } from './prepare';
import type { Call, Reply } from './respond';

/** Which orchestration carries out which verb. */
export const WORKFLOWS: Record<Verb, string> = {
  deploy: orchestrations.deployCluster.name,
  scale: orchestrations.scaleCluster.name,
  converge: orchestrations.convergeCluster.name,
  start: orchestrations.startNodes.name,
  stop: orchestrations.stopNodes.name,
  restart: orchestrations.restartNodes.name,
  reimage: orchestrations.reimageNodes.name,
  resize: orchestrations.resizeAgents.name,
  upgrade: orchestrations.upgradeCluster.name,
  repair: orchestrations.repairMaster.name,
  rebalance: orchestrations.rebalanceCluster.name,
  rotate: orchestrations.rotateKeys.name,
  chaos: orchestrations.runChaos.name,
  workload: orchestrations.changeWorkload.name,
  destroy: orchestrations.destroyCluster.name,
};

interface Start {
  verb: Verb;
  /** What the orchestration gets beside cluster and operation. */
  input?: object;
  /** Makes the cluster's row. */
  create?: Pick<ClusterRecord, 'spec' | 'phase'>;
  /** Changes the cluster's row in the same write that takes the lock. */
  change?: (row: ClusterRecord) => ClusterRecord;
  /** Takes the lock from a running operation. */
  preempt?: boolean;
  /** Makes the operation's id one that others can know: whoever begins the same again finds it, and begins nothing. */
  unique?: string;
  /** What the request does itself before the orchestration starts. */
  prepare?: Prepare;
  /** Who wants it; an operator unless it is said. */
  cause?: 'operator' | 'timer';
}

const CLAIM_ATTEMPTS = 10;

/**
 * Takes the cluster's lock, writes the operation down, and starts its orchestration, in this order: a crash in between
 * leaves a claim that the minute timer completes or lets go. Throws OPERATION_IN_PROGRESS for all but one caller.
 */
export async function begin(
  call: Pick<Call, 'world' | 'orchestrator'>,
  cluster: string,
  start: Start,
): Promise<OperationRecord> {
  const { verb, input, cause = 'operator' } = start;
  const { world, orchestrator } = call;
  const unique = start.unique ?? `${world.clock.now().toString(36)}${randomBytes(4).toString('hex')}`;
  const id = operationId(cluster, verb, unique);
  const preempted = start.create
    ? await insertCluster(world, cluster, id, start.create)
    : await claimCluster(world, cluster, id, start);
  const now = new Date(world.clock.now()).toISOString();
  const operation: OperationRecord = {
    id,
    cluster,
    verb,
    state: 'running',
    phase: 'starting',
    progress: { done: 0, total: 1, unit: 'steps' },
    startedAt: now,
    endedAt: null,
    error: null,
    result: null,
    cancelRequested: false,
    input: { cluster, operationId: id, ...input, ...(preempted ? { preempted } : {}) },
  };
  const isFirst = await world.operations.insert(operation);
  // Somebody else's, or this very write that was answered twice: then the minute timer starts what nobody has started.
  if (!isFirst && start.unique !== undefined) return operation;
  await world.events.append([
    {
      cluster,
      id: `${now}-${id}-started`,
      at: now,
      type: 'operation.started',
      subject: id,
      cause,
      message: `${verb} started`,
    },
  ]);
  if (preempted) await endPreempted(call, preempted, id);
  if (start.prepare) await prepareOrEnd(world, operation, start.prepare);
  await orchestrator.start(WORKFLOWS[verb], id, operation.input);
  return operation;
}

export const started = (operation: OperationRecord): Reply => ({
  status: 202,
  body: presentOperation(operation),
  headers: { location: `/api/operations/${operation.id}` },
});

export function inProgress(cluster: string, operation: string): AppError {
  const message = `${operation} is running on ${cluster}; wait for it, cancel it with DELETE /api/operations/${operation}, or destroy the cluster`;
  return new AppError('OPERATION_IN_PROGRESS', message, { detail: { operation } });
}

async function insertCluster(
  world: World,
  name: string,
  operation: string,
  { spec, phase }: Pick<ClusterRecord, 'spec' | 'phase'>,
): Promise<undefined> {
  const now = new Date(world.clock.now()).toISOString();
  const record: ClusterRecord = {
    name,
    spec,
    operation,
    phase,
    phaseReason: '',
    reconcileRequestedAt: null,
    endpoints: [],
    shortage: '',
    createdAt: now,
    updatedAt: now,
  };
  if (await world.clusters.insert(record)) return undefined;
  const other = (await world.clusters.get(name))?.record.operation;
  if (other === operation) return undefined; // the answer to this very write was lost, and the SDK sent it again
  throw inProgress(name, other ?? 'another request');
}

/** Returns the operation that was pre-empted, if any. */
async function claimCluster(world: World, cluster: string, id: string, claim: Start): Promise<string | undefined> {
  let preempted: string | undefined;
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
    const found = await world.clusters.get(cluster);
    if (!found) throw new AppError('CLUSTER_NOT_FOUND', `there is no cluster ${cluster}`);
    const { record, etag } = found;
    if (record.operation === id) return preempted; // the answer to this very write was lost
    const isDestroying = record.operation !== null && record.phase === 'deleting';
    if (record.operation && (!claim.preempt || isDestroying)) throw inProgress(cluster, record.operation);
    const changed = {
      ...(claim.change?.(record) ?? record),
      operation: id,
      updatedAt: new Date(world.clock.now()).toISOString(),
    };
    preempted = record.operation ?? undefined;
    if (await world.clusters.replace(changed, etag)) return preempted;
  }
  throw new AppError('AZURE_UNAVAILABLE', 'the cluster is being changed by many at once; send the request again', {
    retryAfterMs: 1000,
  });
}

async function endPreempted(
  { world, orchestrator }: Pick<Call, 'world' | 'orchestrator'>,
  id: string,
  by: string,
): Promise<void> {
  await orchestrator.terminate(id, `pre-empted by ${by}`);
  const found = await world.operations.get(id);
  if (!found || found.record.state !== 'running') return;
  const message = `pre-empted by ${by}`;
  const endedAt = new Date(world.clock.now()).toISOString();
  const ended = { ...found.record, endedAt, error: { code: 'CANCELLED' as const, message } };
  if (!(await world.operations.replace({ ...ended, state: 'cancelled', phase: 'cancelled' }, found.etag))) return;
  const { cluster, verb } = found.record;
  const event = { cluster, id: `${endedAt}-${id}`, at: endedAt, type: 'operation.cancelled', subject: id, cause: by };
  await world.events.append([{ ...event, message: `${verb} cancelled: ${message}` }]);
}
