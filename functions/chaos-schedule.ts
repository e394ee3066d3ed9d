import type { ChaosReport, ChaosRequest } from '../shared/model/chaos';
import { haltReason } from '../shared/model/chaos-report';
import type { ChaosSpec, ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import { operationId } from '../shared/model/operation';
import { lastTick } from '../shared/ncrontab';
import type { World } from '../shared/ports';
import { begin } from './begin';
import { draftNow } from './chaos';
import type { Call } from './respond';

type Tools = Pick<Call, 'world' | 'orchestrator' | 'log'>;

/**
 * The timer comes each minute; one that is late, or was left out once, is made up for. Of several ticks in this time only
 * the last is run, and no tick twice: what was begun or reported of it is found by its id.
 */
const CATCH_UP_MS = 2 * 60_000;

/** Dry unless armed twice: in the cluster's spec, and by the app's setting. */
export async function runSchedule(
  tools: Tools,
  cluster: ClusterRecord,
  settings: { scheduledChaos: boolean },
): Promise<void> {
  const { chaos } = cluster.spec;
  if (!chaos) return;
  const tick = dueTick(chaos, cluster, tools.world.clock.now());
  if (tick === undefined) return;
  const isArmed = chaos.armed && settings.scheduledChaos;
  const run = scheduledRun(cluster, chaos, { tick, isArmed });
  if (await isKnown(tools.world, run)) return;
  const obstacle = await obstacleOf(tools.world, cluster);
  if (obstacle) return note(tools.world, run, obstacle);
  if (!isArmed) return plan(tools.world, cluster, run);
  await strike(tools, run);
}

function dueTick({ schedule, timeZone }: ChaosSpec, { createdAt }: ClusterRecord, now: number): number | undefined {
  const after = Math.max(now - CATCH_UP_MS, Date.parse(createdAt));
  return lastTick(schedule, timeZone, { after, until: now });
}

interface ScheduledRun {
  cluster: string;
  /** Tells ticks apart; part of the ids. */
  unique: string;
  /** Of the report, when no operation begins. */
  id: string;
  /** Of the operation that an armed tick begins. */
  operation: string;
  startedAt: string;
  request: ChaosRequest;
}

/** The seed of a tick is its time in seconds: other victims each time, and the same when a run is looked at again. */
function scheduledRun(
  { name }: ClusterRecord,
  { action, count }: ChaosSpec,
  { tick, isArmed }: { tick: number; isArmed: boolean },
): ScheduledRun {
  const unique = tick.toString(36);
  const operation = operationId(name, 'chaos', unique);
  return {
    cluster: name,
    unique,
    operation,
    id: isArmed ? operation : operationId(name, 'chaos', `dry-${unique}`),
    startedAt: new Date(tick).toISOString(),
    request: { action, count, seed: Math.floor(tick / 1000) % 2 ** 32, concurrency: 1, dryRun: !isArmed },
  };
}

/** The timer may come twice for a tick, and on two instances of the app. */
async function isKnown(world: World, { cluster, id, operation, startedAt }: ScheduledRun): Promise<boolean> {
  if ((await world.clusters.get(cluster))?.record.operation === operation) return true;
  if (await world.operations.get(operation)) return true;
  return (await world.chaos.get({ cluster, id, startedAt })) !== undefined;
}

type Obstacle = Pick<ChaosReport, 'verdict' | 'reason'>;

async function obstacleOf(world: World, { name }: ClusterRecord): Promise<Obstacle | undefined> {
  const { halted, reason } = await world.halt.read();
  if (halted) return { verdict: 'halted', reason: haltReason(reason) };
  const cluster = (await world.clusters.get(name))?.record;
  if (!cluster) return { verdict: 'skipped', reason: 'the cluster is not there any more' };
  if (cluster.operation) return { verdict: 'skipped', reason: `${cluster.operation} is running` };
  if (cluster.phase === 'ready') return undefined;
  const why = cluster.phaseReason ? `: ${cluster.phaseReason}` : '';
  return { verdict: 'skipped', reason: `the cluster is ${cluster.phase}${why}` };
}

/** A tick that came to nothing. */
function note(world: World, run: ScheduledRun, { verdict, reason }: Obstacle): Promise<void> {
  const { cluster, id, startedAt, request } = run;
  const endedAt = new Date(world.clock.now()).toISOString();
  const nothing = { before: null, after: null, eligible: [], victims: [] };
  return write(world, { id, cluster, request, cause: 'schedule', startedAt, endedAt, verdict, reason, ...nothing });
}

async function plan(world: World, cluster: ClusterRecord, { id, request, startedAt }: ScheduledRun): Promise<void> {
  const { report } = await draftNow(world, cluster, { id, request, startedAt, cause: 'schedule' });
  await write(world, report);
}

async function write(world: World, report: ChaosReport): Promise<void> {
  const { id, cluster, verdict, reason, startedAt } = report;
  await world.chaos.put(report);
  const message = `scheduled chaos ${verdict}${reason ? `: ${reason}` : ''}`;
  const event = { cluster, id: `${startedAt}-${id}`, at: startedAt, type: `chaos.${verdict}`, subject: id };
  await world.events.append([{ ...event, cause: 'timer', message }]);
}

async function strike(tools: Tools, run: ScheduledRun): Promise<void> {
  const { cluster, unique, request } = run;
  try {
    const input = { request, cause: 'schedule' };
    await begin(tools, cluster, { verb: 'chaos', unique, cause: 'timer', input });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'OPERATION_IN_PROGRESS') throw error;
    await note(tools.world, run, { verdict: 'skipped', reason: error.message }); // it was taken a moment ago
  }
}
