import { isServing } from '../../shared/model/node';
import { chooseVictims } from '../../shared/model/victims';
import { refuse, type Outcome } from '../../shared/model/errors';
import type { World } from '../../shared/ports';
import type { Polled } from '../contracts';
import { mayProceed, writeEvent } from './records';

/** The agents that an operation to `agents` agents removes: none when there are not too many. */
export async function pickVictims(
  world: World,
  input: { cluster: string; agents: number },
): Promise<{ vmIds: string[] }> {
  const rows = (await world.nodes.list(input.cluster)).map(({ record }) => record);
  const serving = rows.filter((row) => row.role === 'agent' && isServing(row.state)).length;
  const begun = rows
    .filter(({ role, state }) => role === 'agent' && (state === 'draining' || state === 'leaving'))
    .map(({ vmId }) => vmId);
  return { vmIds: [...begun, ...chooseVictims(rows, serving - input.agents)] };
}

/**
 * Raises capacity so that `agents` agents serve; never lowers it (instances are deleted by name). Capacity is read
 * fresh and written under its etag. `poller` is null when nothing has to be done: a repeat is harmless.
 */
export async function growTo(
  world: World,
  input: { cluster: string; agents: number; operationId?: string },
): Promise<Outcome<{ poller: string | null; capacity: number }>> {
  const { cluster, agents, operationId } = input;
  if (!(await mayProceed(world, cluster, operationId))) return refuse('CANCELLED', 'another operation has taken over');
  const scaleSet = await world.cloud.getScaleSet(cluster);
  if (!scaleSet) return refuse('DEPLOYMENT_FAILED', 'the scale set is not there');
  if (scaleSet.provisioning === 'updating') return refuse('SCALE_SET_CONFLICT', 'the scale set is being changed');
  const machines = (await world.cloud.listMachines(cluster)).filter(({ role }) => role === 'agent');
  const rows = new Map((await world.nodes.list(cluster)).map(({ record }) => [record.vmId, record]));
  const serving = machines.filter(
    ({ vmId, provisioning }) => provisioning !== 'deleting' && isServing(rows.get(vmId)?.state ?? 'expected'),
  ).length;
  const unlisted = Math.max(0, scaleSet.capacity - machines.length);
  const missing = agents - serving - unlisted;
  if (missing <= 0) return { ok: true, poller: null, capacity: scaleSet.capacity };
  const capacity = scaleSet.capacity + missing;
  const begun = await world.cloud.setCapacity(cluster, capacity, scaleSet.etag);
  const message = begun.ok
    ? `capacity raised from ${scaleSet.capacity} to ${capacity}`
    : `capacity stays ${scaleSet.capacity}: ${begun.message}`;
  await writeEvent(world, {
    cluster,
    type: 'azure.capacity',
    subject: 'agents',
    cause: operationId ?? 'timer',
    message,
  });
  return begun.ok ? { ok: true, poller: begun.poller, capacity } : begun;
}

export function pollOperation(world: World, { poller }: { poller: string }): Promise<Polled> {
  return world.cloud.poll(poller);
}
