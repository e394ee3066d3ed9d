import { refuse, type Outcome } from '../../shared/model/errors';
import { moveTo, type NodeRecord } from '../../shared/model/node';
import { stateEvent } from '../../shared/model/observe';
import type { World } from '../../shared/ports';
import type { DrainPass, RetireInput } from '../contracts';
import { drainPassOver } from './draining';
import { look } from './observation';
import { engineOf, isoNow, mayProceed, requireCluster, updateNodes } from './records';

/** Marks the agents as draining, or as failed where nothing runs on them yet, and takes no new work to them. */
export async function startDrain(world: World, input: RetireInput): Promise<{ proceed: boolean }> {
  if (!(await mayProceed(world, input.cluster, input.operationId))) return { proceed: false };
  const now = isoNow(world);
  await moveAndTell(world, input, (row) =>
    // One that has not joined yet cannot be drained, but must not get a ticket any more.
    moveTo(row, row.registeredAt ? 'draining' : 'failed', now, 'it is being removed'),
  );
  return { proceed: true };
}

/** What was to go because it never joined, and has joined since the plan was made, stays. */
const isSpared = ({ drain }: Pick<RetireInput, 'drain'>, { state }: NodeRecord): boolean =>
  !drain && (state === 'ready' || state === 'notReady');

async function moveAndTell(
  world: World,
  input: RetireInput,
  move: (row: NodeRecord) => NodeRecord | undefined,
): Promise<void> {
  const before = new Map((await world.nodes.list(input.cluster)).map(({ record }) => [record.vmId, record.state]));
  const rows = await updateNodes(world, input.cluster, input.vmIds, (row) =>
    isSpared(input, row) ? undefined : move(row),
  );
  const moved = rows.filter((row) => row.state !== before.get(row.vmId));
  const told = moved.map((row) => stateEvent(row, before.get(row.vmId), { now: isoNow(world), cause: input.cause }));
  await world.events.append(told);
}

/** One pass over all agents that still hold work. */
export async function drainPass(world: World, input: RetireInput): Promise<DrainPass> {
  if (!(await mayProceed(world, input.cluster, input.operationId)))
    return { proceed: false, remaining: 0, blocked: [] };
  const rows = (await world.nodes.list(input.cluster)).map(({ record }) => record);
  // Azure may call a node failed on which the engine runs work all the same.
  const draining = rows.filter(
    (row) => input.vmIds.includes(row.vmId) && row.registeredAt && ['draining', 'failed'].includes(row.state),
  );
  const engine = await engineOf(world, await requireCluster(world, input.cluster));
  if (!engine) return { proceed: true, remaining: 0, blocked: [] };
  return { proceed: true, ...(await drainPassOver(engine, draining)) };
}

/** Deletes exactly these VMs; those that Azure no longer lists are left out. `poller` is null when none is left. */
export async function deleteAgents(world: World, input: RetireInput): Promise<Outcome<{ poller: string | null }>> {
  if (!(await mayProceed(world, input.cluster, input.operationId)))
    return refuse('CANCELLED', 'another operation or the halt lever has taken over');
  const spared = (await world.nodes.list(input.cluster)).filter(({ record }) => isSpared(input, record));
  const wanted = new Set(input.vmIds);
  for (const { record } of spared) wanted.delete(record.vmId);
  const now = isoNow(world);
  await moveAndTell(world, input, (row) => moveTo(row, 'leaving', now, row.detail));
  const machines = await world.cloud.listMachines(input.cluster);
  const listed = machines.filter(({ vmId, role }) => role === 'agent' && wanted.has(vmId));
  const deletable = listed
    .filter(({ provisioning }) => provisioning !== 'deleting')
    .map(({ instanceId }) => instanceId);
  if (deletable.length === 0) return { ok: true, poller: null };
  return world.cloud.deleteAgents(input.cluster, deletable);
}

/**
 * Looks again; the look removes nodes and rows of VMs that are gone. Returns instance ids that Azure still lists, without
 * those that serve: they were spared.
 */
export async function confirmGone(
  world: World,
  input: { cluster: string; vmIds: string[]; cause: string },
): Promise<{ left: string[] }> {
  const wanted = new Set(input.vmIds);
  const { machines, rows } = await look(world, input.cluster, input.cause);
  for (const row of rows) if (isSpared({ drain: false }, row)) wanted.delete(row.vmId);
  return { left: machines.filter(({ vmId }) => wanted.has(vmId)).map(({ instanceId }) => instanceId) };
}
