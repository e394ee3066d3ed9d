import type { OperationRecord } from '../shared/model/operation';
import { reconcileId, orchestrations } from '../orchestrations/contracts';
import { phaseAfterBreak, type ClusterRecord } from '../shared/model/cluster';
import { WORKFLOWS } from './begin';
import { runSchedule } from './chaos-schedule';
import type { Call } from './respond';

type Tools = Pick<Call, 'world' | 'orchestrator' | 'log'>;

/** A request that dies between its steps is complete or void after that: HTTP answers are cut off long before. */
const CLAIM_GRACE_MS = 2 * 60_000;

/**
 * Every minute: picks up operations that a crash left without their orchestration, then reconciles every cluster, and runs
 * the chaos that is due.
 */
export async function everyMinute(tools: Tools, settings = { scheduledChaos: false }): Promise<void> {
  const running = await tools.world.operations.listRunning();
  const errors = await eachAlone(running, (operation) => resume(tools, operation));
  const clusters = await tools.world.clusters.list();
  errors.push(...(await eachAlone(clusters, (cluster) => lookAfter(tools, cluster))));
  errors.push(...(await eachAlone(clusters, (cluster) => runSchedule(tools, cluster, settings))));
  if (errors.length > 0) throw errors[0]; // the host shows it; the others come again with the next minute
}

/** One that makes trouble must not keep the timer from the others. */
async function eachAlone<T>(items: T[], run: (item: T) => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const item of items) await run(item).catch((error: unknown) => errors.push(error));
  return errors;
}

async function lookAfter(tools: Tools, cluster: ClusterRecord): Promise<void> {
  if ((await releaseVoidClaim(tools, cluster)) || cluster.phase === 'deleting') return;
  const input = { cluster: cluster.name, cause: 'timer' };
  await tools.orchestrator.start(orchestrations.reconcileCluster.name, reconcileId(cluster.name), input);
}

const ageMs = (tools: Tools, time: string): number => tools.world.clock.now() - Date.parse(time);

/** Every started operation ends: starts what was never started, and closes what ended without saying so. */
async function resume(tools: Tools, operation: OperationRecord): Promise<void> {
  if (ageMs(tools, operation.startedAt) < CLAIM_GRACE_MS) return;
  const status = await tools.orchestrator.status(operation.id);
  if (status === 'running') return;
  // Asked afterwards: who pre-empts takes the cluster first and terminates then, so the other order would miss it.
  const holder = (await tools.world.clusters.get(operation.cluster))?.record.operation;
  if (status === 'absent' && holder === operation.id) {
    tools.log.warn('operation.resumed', { operation: operation.id });
    await tools.orchestrator.start(WORKFLOWS[operation.verb], operation.id, operation.input);
    return;
  }
  await close(tools, operation, holder);
}

async function close({ world, log }: Tools, { id, cluster }: OperationRecord, holder?: string | null): Promise<void> {
  const found = await world.operations.get(id);
  if (!found || found.record.state !== 'running') return;
  log.warn('operation.closed', { operation: id });
  const endedAt = new Date(world.clock.now()).toISOString();
  const ending = endingOf(holder && holder !== id ? holder : undefined);
  const { state, error } = ending;
  const ended = { ...found.record, ...ending, phase: state, endedAt };
  if (!(await world.operations.replace(ended, found.etag))) return; // it moves after all; the next minute looks again
  await world.events.append([
    {
      cluster,
      id: `${endedAt}-${id}`,
      at: endedAt,
      type: `operation.${state}`,
      subject: id,
      cause: 'timer',
      message: error?.message ?? '',
    },
  ]);
  await release(world, cluster, { operation: id, isVoid: false });
}

/** Who pre-empts an operation ends it too, unless a crash comes in between. */
const endingOf = (preemptedBy: string | undefined): Pick<OperationRecord, 'state' | 'error'> =>
  preemptedBy
    ? { state: 'cancelled', error: { code: 'CANCELLED', message: `pre-empted by ${preemptedBy}` } }
    : { state: 'failed', error: { code: 'INTERNAL', message: 'its orchestration ended without a result' } };

const brokenOff = ({ phase }: ClusterRecord): Pick<ClusterRecord, 'phase' | 'phaseReason'> => ({
  phase: phaseAfterBreak(phase),
  phaseReason: 'the last operation ended without a result',
});

/** Nothing was begun when a claim is void: who is stopped stays so. */
async function release(
  world: Tools['world'],
  cluster: string,
  { operation, isVoid }: { operation: string; isVoid: boolean },
): Promise<void> {
  const row = await world.clusters.get(cluster);
  if (row?.record.operation !== operation) return;
  await world.clusters.replace(
    {
      ...row.record,
      operation: null,
      ...(isVoid && row.record.phase === 'stopped' ? {} : brokenOff(row.record)),
    },
    row.etag,
  );
}

/** A claim whose operation was never written down: the caller has had no answer, so it is let go. */
async function releaseVoidClaim(
  tools: Tools,
  { name, operation, updatedAt, spec, phase }: ClusterRecord,
): Promise<boolean> {
  if (!operation || ageMs(tools, updatedAt) < CLAIM_GRACE_MS) return false;
  const known = await tools.world.operations.get(operation);
  if (known && known.record.state === 'running') return false;
  tools.log.warn('claim.released', { cluster: name, operation, engine: spec.engine, phase });
  await release(tools.world, name, { operation, isVoid: !known });
  return true;
}
