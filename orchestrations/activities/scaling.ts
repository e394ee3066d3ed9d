import { isServing, type NodeRecord } from '../../shared/model/node';
import { isOff } from '../../shared/model/plan';
import { chooseVictims } from '../../shared/model/victims';
import { refuse, type Outcome, type Refusal } from '../../shared/model/errors';
import type { Machine, ScaleSet, World } from '../../shared/ports';
import type { Polled } from '../contracts';
import { unpark } from './parking';
import { byInstance, mayProceed, updateCluster, writeEvent } from './records';

/** The agents that an operation to `agents` agents removes or parks: none when there are not too many. */
export async function pickVictims(
  world: World,
  input: { cluster: string; agents: number; reclaim?: 'delete' | 'park' },
): Promise<{ vmIds: string[]; park?: string[] }> {
  const rows = (await world.nodes.list(input.cluster)).map(({ record }) => record);
  const serving = rows.filter((row) => row.role === 'agent' && isServing(row.state)).length;
  const begun = rows
    .filter(({ role, state }) => role === 'agent' && (state === 'draining' || state === 'leaving'))
    .map(({ vmId }) => vmId);
  const victims = chooseVictims(rows, serving - input.agents);
  if (input.reclaim !== 'park') return { vmIds: [...begun, ...victims] };
  // Only what has worked is worth keeping.
  const states = new Map(rows.map(({ vmId, state }) => [vmId, state]));
  const park = victims.filter((vmId) => states.get(vmId) !== 'failed');
  const broken = victims.filter((vmId) => !park.includes(vmId));
  return { vmIds: [...begun, ...broken], ...(park.length > 0 ? { park } : {}) };
}

interface GrowInput {
  cluster: string;
  agents: number;
  operationId?: string;
}
type Grown = Outcome<{ poller: string | null; capacity: number; more?: boolean }>;

/**
 * Starts parked agents, or when there is none raises capacity, so that `agents` agents serve; never lowers it (instances are
 * deleted by name). Capacity is read fresh and written under its etag. `poller` is null when nothing has to be done: a
 * repeat is harmless.
 */
export async function growTo(world: World, input: GrowInput): Promise<Grown> {
  const { cluster, agents, operationId } = input;
  if (!(await mayProceed(world, cluster, operationId))) return refuse('CANCELLED', 'another operation has taken over');
  const scaleSet = await world.cloud.getScaleSet(cluster);
  if (!scaleSet) return refuse('DEPLOYMENT_FAILED', 'the scale set is not there');
  if (scaleSet.provisioning === 'updating') return refuse('SCALE_SET_CONFLICT', 'the scale set is being changed');
  const listed = (await world.cloud.listMachines(cluster)).filter(({ role }) => role === 'agent');
  const machines = listed.filter(({ provisioning }) => provisioning !== 'deleting');
  const rows = new Map((await world.nodes.list(cluster)).map(({ record }) => [record.vmId, record]));
  const serving = machines.filter(({ vmId }) => isServing(rows.get(vmId)?.state ?? 'expected')).length;
  const unlisted = Math.max(0, scaleSet.capacity - listed.length); // on their way
  const missing = agents - serving - unlisted;
  if (missing <= 0) return { ok: true, poller: null, capacity: scaleSet.capacity };
  const parked = parkedFirst(machines, rows).slice(0, missing);
  return parked.length > 0
    ? startParked(world, input, { scaleSet, parked, missing })
    : raise(world, input, scaleSet, scaleSet.capacity + missing);
}

function parkedFirst(machines: Machine[], rows: Map<string, NodeRecord>): NodeRecord[] {
  return machines
    .filter(({ power }) => isOff(power))
    .flatMap(({ vmId }) => rows.get(vmId) ?? [])
    .filter(({ state }) => state === 'parked')
    .sort(byInstance);
}

async function startParked(
  world: World,
  input: GrowInput,
  { scaleSet, parked, missing }: { scaleSet: ScaleSet; parked: NodeRecord[]; missing: number },
): Promise<Grown> {
  const { cluster, operationId } = input;
  const begun = await world.cloud.startAgents(
    cluster,
    parked.map(({ instanceId }) => instanceId),
  );
  if (!begun.ok) return refused(world, input, begun, 'parked agents stay off');
  await unpark(world, { cluster, cause: operationId ?? 'timer' }, parked);
  const more = parked.length < missing;
  return { ok: true, poller: begun.poller, capacity: scaleSet.capacity, ...(more ? { more } : {}) };
}

async function raise(world: World, input: GrowInput, scaleSet: ScaleSet, capacity: number): Promise<Grown> {
  const { cluster, operationId } = input;
  const begun = await world.cloud.setCapacity(cluster, capacity, scaleSet.etag);
  if (!begun.ok) return refused(world, input, begun, `capacity stays ${scaleSet.capacity}`);
  const message = `capacity raised from ${scaleSet.capacity} to ${capacity}`;
  const cause = operationId ?? 'timer';
  await writeEvent(world, { cluster, type: 'azure.capacity', subject: 'agents', cause, message });
  return { ok: true, poller: begun.poller, capacity };
}

async function refused(world: World, input: GrowInput, refusal: Refusal, what: string): Promise<Refusal> {
  const { cluster, operationId } = input;
  const isNews = operationId !== undefined || (await noteShortage(world, cluster, refusal));
  const message = `${what}: ${refusal.message}`;
  const cause = operationId ?? 'timer';
  if (isNews) await writeEvent(world, { cluster, type: 'azure.capacity', subject: 'agents', cause, message });
  return refusal;
}

const SHORTAGES: readonly string[] = ['QUOTA_EXCEEDED', 'CAPACITY_UNAVAILABLE'];

/** What keeps automation from the number of agents. False when that was known already, and needs not be told each minute. */
export async function noteShortage(world: World, cluster: string, { code, message }: Refusal): Promise<boolean> {
  if (!SHORTAGES.includes(code)) return true;
  let isNews = false;
  await updateCluster(world, cluster, (row) => {
    isNews = row.shortage !== message;
    return isNews ? { ...row, shortage: message } : undefined;
  });
  return isNews;
}

export function pollOperation(world: World, { poller }: { poller: string }): Promise<Polled> {
  return world.cloud.poll(poller);
}
