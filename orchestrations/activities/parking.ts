import { refuse, type Outcome } from '../../shared/model/errors';
import { isServing, moveTo, type NodeRecord, type NodeRole } from '../../shared/model/node';
import { stateEvent } from '../../shared/model/observe';
import { isOff } from '../../shared/model/plan';
import type { Machine, World } from '../../shared/ports';
import type { Selection } from '../contracts';
import { look } from './observation';
import { changeWish } from './operations';
import { byInstance, isoNow, mayProceed, requireCluster, updateNodes } from './records';
import { withAgents } from '../../shared/model/cluster';

interface Held {
  cluster: string;
  operationId: string;
}

const superseded = refuse('CANCELLED', 'another operation has taken over');
const isOneOf =
  (vmIds: string[] | undefined) =>
  ({ vmId }: { vmId: string }): boolean =>
    vmIds?.includes(vmId) ?? true;

export async function selectNodes(
  world: World,
  { cluster, vmIds }: { cluster: string; vmIds?: string[] },
): Promise<Selection> {
  const { spec, phase } = await requireCluster(world, cluster);
  const rows = (await world.nodes.list(cluster)).map(({ record }) => record).sort(byInstance);
  const ids = (choose: (row: NodeRecord) => boolean): string[] =>
    rows.filter((row) => isOneOf(vmIds)(row) && choose(row)).map(({ vmId }) => vmId);
  const serves = ({ role, state }: NodeRecord): boolean => role === 'agent' && isServing(state);
  // One that has failed is replaced soon, and no restart helps it: of all it is none, named it is the operator's choice.
  const isMeant = (row: NodeRecord): boolean => serves(row) && (vmIds !== undefined || row.state !== 'failed');
  return {
    agents: ids(isMeant),
    masters: ids(({ role }) => role === 'master'),
    parked: ids(({ role, state }) => role === 'agent' && state === 'parked'),
    serving: rows.filter(serves).length,
    limits: { min: spec.agents.min, max: spec.agents.max },
    isStopped: phase === 'stopped',
    autoscale: spec.agents.autoscale !== null,
  };
}

/** A machine that is powered off still costs its cores, so who deallocates is not content with that. */
const isStopped = ({ power }: Machine, deallocate: boolean): boolean =>
  deallocate ? power === 'deallocated' : isOff(power);

export async function stopMachines(
  world: World,
  input: Held & { role: NodeRole; vmIds?: string[]; deallocate: boolean },
): Promise<Outcome<{ pollers: string[] }>> {
  const { cluster, operationId, role, vmIds, deallocate } = input;
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const isDue = (machine: Machine): boolean =>
    machine.role === role && machine.provisioning !== 'deleting' && !isStopped(machine, deallocate);
  const due = (await world.cloud.listMachines(cluster)).filter(isOneOf(vmIds)).filter(isDue);
  const { cloud } = world;
  return begunFor(due, {
    agents: (ids) => cloud.stopAgents(cluster, ids, { deallocate }),
    master: (name) => cloud.stopMaster(cluster, name, { deallocate }),
  });
}

interface Acts {
  agents: (instanceIds: string[]) => Promise<Outcome<{ poller: string }>>;
  master: (name: string) => Promise<Outcome<{ poller: string }>>;
}

/** Agents in one call, masters one by one; a refusal ends it, and a repeat does the rest. */
async function begunFor(machines: Machine[], acts: Acts): Promise<Outcome<{ pollers: string[] }>> {
  const agents = machines.filter(({ role }) => role === 'agent').map(({ instanceId }) => instanceId);
  const begun = agents.length > 0 ? [await acts.agents(agents)] : [];
  for (const { instanceId } of machines.filter(({ role }) => role === 'master'))
    begun.push(await acts.master(instanceId));
  const refusal = begun.find((each) => !each.ok);
  if (refusal && !refusal.ok) return refusal;
  return { ok: true, pollers: begun.flatMap((each) => (each.ok ? [each.poller] : [])) };
}

export async function startMachines(
  world: World,
  input: Held & { role: NodeRole; vmIds?: string[] },
): Promise<Outcome<{ pollers: string[]; started: string[] }>> {
  const { cluster, operationId, role, vmIds } = input;
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const chosen = (await world.cloud.listMachines(cluster)).filter(isOneOf(vmIds)).filter((vm) => vm.role === role);
  const { cloud } = world;
  const off = chosen.filter(({ power }) => isOff(power));
  const begun = await begunFor(off, {
    agents: (ids) => cloud.startAgents(cluster, ids),
    master: (name) => cloud.startMaster(cluster, name),
  });
  if (!begun.ok) return begun;
  await unpark(world, { cluster, cause: operationId }, chosen);
  return { ...begun, started: off.map(({ vmId }) => vmId) };
}

/** From now on they are waited for. */
export async function unpark(
  world: World,
  { cluster, cause }: { cluster: string; cause: string },
  machines: { vmId: string }[],
): Promise<void> {
  const now = isoNow(world);
  const move = (row: NodeRecord): NodeRecord | undefined => {
    const booting = row.state === 'parked' ? moveTo(row, 'booting', now, 'it was started') : undefined;
    return booting && { ...booting, awaitedSince: now, repairs: 0 };
  };
  await moveRows(world, { cluster, cause, now }, machines, move);
}

/** Writes what changes, after its events. */
async function moveRows(
  world: World,
  { cluster, cause, now }: { cluster: string; cause: string; now: string },
  nodes: { vmId: string }[],
  move: (row: NodeRecord) => NodeRecord | undefined,
): Promise<void> {
  const wanted = new Set(nodes.map(({ vmId }) => vmId));
  const rows = (await world.nodes.list(cluster)).map(({ record }) => record).filter(({ vmId }) => wanted.has(vmId));
  const moved = rows.flatMap((row) => {
    const after = move(row);
    return after ? [{ after, event: stateEvent(after, row.state, { now, cause }) }] : [];
  });
  if (moved.length === 0) return;
  await world.events.append(moved.map(({ event }) => event));
  await updateNodes(
    world,
    cluster,
    moved.map(({ after }) => after.vmId),
    move,
  );
}

export async function parkStopped(
  world: World,
  input: Held & { vmIds?: string[]; deallocate: boolean; partly?: boolean },
): Promise<{ on: string[] }> {
  const { cluster, operationId, vmIds, deallocate, partly } = input;
  const { machines } = await look(world, cluster, operationId);
  const chosen = machines.filter(isOneOf(vmIds)).filter(({ provisioning }) => provisioning !== 'deleting');
  const on = chosen.filter((machine) => !isStopped(machine, deallocate)).map(({ vmId }) => vmId);
  const holds = await mayProceed(world, cluster, operationId);
  if (!holds || (on.length > 0 && !partly)) return { on };
  const now = isoNow(world);
  const park = (row: NodeRecord): NodeRecord | undefined => {
    const parked = moveTo(row, 'parked', now);
    // No work until it has booted again; one that never joined has no node to keep it from.
    return parked && { ...parked, goingDown: row.registeredAt !== '' };
  };
  const off = chosen.filter(({ vmId }) => !on.includes(vmId));
  await moveRows(world, { cluster, cause: operationId, now }, off, park);
  return { on };
}

export async function wishForServing(
  world: World,
  { cluster, operationId, atLeast, atMost }: Held & { atLeast?: boolean; atMost?: boolean },
): Promise<{ agents: number }> {
  const { serving } = await selectNodes(world, { cluster });
  await changeWish(world, { cluster, cause: operationId }, (row) => {
    if (row.operation !== operationId) return undefined;
    const { count: wish } = row.spec.agents;
    const count = Math.min(atMost ? wish : Infinity, Math.max(atLeast ? wish : 0, serving));
    return { ...row, spec: withAgents(row.spec, count) };
  });
  return { agents: serving };
}

export async function setAutoscale(
  world: World,
  { cluster, operationId, enabled }: Held & { enabled: boolean },
): Promise<Outcome<object>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  return world.cloud.setAutoscale(cluster, enabled);
}

export async function restartMaster(
  world: World,
  { cluster, operationId, vmId }: Held & { vmId: string },
): Promise<Outcome<{ pollers: string[] }>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const { rows, record } = await look(world, cluster, operationId);
  const masters = rows.filter(({ role }) => role === 'master').sort(byInstance);
  const master = masters.find((row) => row.vmId === vmId);
  if (!master) return refuse('NODE_NOT_FOUND', 'the master is gone');
  const unwell = masters.filter((row) => row !== master && row.state !== 'ready');
  if (unwell.length > 0) {
    const names = unwell.map(({ nodeName, state }) => `${nodeName} is ${state}`).join(', ');
    return refuse('QUORUM_AT_RISK', `${master.nodeName} stays up because ${names}`);
  }
  // One whose machine is gone has no row any more, but still a vote.
  const lost = record.spec.masters.count - masters.length;
  if (lost > 0) return refuse('QUORUM_AT_RISK', `${master.nodeName} stays up because ${lost} of its peers are lost`);
  const begun = await world.cloud.restartMaster(cluster, master.instanceId);
  return begun.ok ? { ok: true, pollers: [begun.poller] } : begun;
}
