import type { EventRecord } from './event';
import { advanceTo, moveTo, nodeName, type NodeRecord, type NodeRole, type NodeState } from './node';

/** Azure's view of a VM, as far as it decides anything here. */
export interface MachineView {
  vmId: string;
  role: NodeRole;
  instanceId: string;
  provisioning: 'creating' | 'updating' | 'succeeded' | 'failed' | 'deleting';
  power: string;
  address: string;
  failure?: { code: string; message: string };
}

/** The engine's view of a node, as far as it decides anything here. */
export interface EngineView {
  name: string;
  uid: string;
  ready: boolean;
  /** Private address; Azure tells it only per network interface. */
  address: string;
}

export interface Sight {
  cluster: string;
  /** Read before `machines`, so that a row missing from them is a VM that is no more. */
  rows: NodeRecord[];
  machines: MachineView[];
  /** undefined while no master answers: then nothing is concluded about readiness. */
  engine: EngineView[] | undefined;
  now: string;
  cause: string;
}

export interface Findings {
  /** Rows to insert or replace. */
  changed: NodeRecord[];
  /** Rows whose VM Azure no longer lists: removed after their engine node. */
  gone: NodeRecord[];
  /** Nodes first seen in the engine in this look: their tokens have served. */
  registered: NodeRecord[];
  /** Nodes that were cordoned because they went down, and are up again. */
  returned: NodeRecord[];
  events: EventRecord[];
}

/**
 * Compares the three views and says which rows change. Pure; a repeat with the result applied finds nothing, except that a
 * parked node that runs boots first and is ready at the next look.
 */
export function observe(sight: Sight): Findings {
  const rows = new Map(sight.rows.map((row) => [row.vmId, row]));
  const nodes = sight.engine && new Map(sight.engine.map((node) => [node.name, node]));
  const findings: Findings = { changed: [], gone: [], registered: [], returned: [], events: [] };
  for (const machine of sight.machines) {
    const known = rows.get(machine.vmId);
    rows.delete(machine.vmId);
    const before = known ? revived(known, machine, sight) : newRow(sight, machine);
    const after = lookAt(before, machine, nodes, sight.now);
    if (after.registeredAt && !before.registeredAt) findings.registered.push(after);
    if (before.goingDown && !after.goingDown) findings.returned.push(after);
    if (JSON.stringify(after) !== JSON.stringify(known)) findings.changed.push(after);
    if (after.state !== known?.state) findings.events.push(stateEvent(after, known?.state, sight));
  }
  for (const row of rows.values()) {
    const after = moveTo(row, 'gone', sight.now, 'Azure no longer lists the virtual machine');
    findings.gone.push(after ?? row); // a row that is gone already waits for the engine: nothing new to tell
    if (after) findings.events.push(stateEvent(after, row.state, sight));
  }
  return findings;
}

/**
 * A master that Azure could not make at first and, the deployment submitted again, has made after all begins anew, with a
 * new name: nobody replaces it as agents are replaced.
 */
function revived(row: NodeRecord, machine: MachineView, sight: Sight): NodeRecord {
  const isMade = machine.provisioning === 'succeeded' || machine.provisioning === 'updating';
  if (row.role !== 'master' || row.state !== 'failed' || row.registeredAt || !isMade) return row;
  const generation = row.generation + 1;
  return {
    ...newRow(sight, machine),
    generation,
    nodeName: nodeName({ ...row, generation }),
    createdAt: row.createdAt,
    ticketAttempt: row.ticketAttempt,
  };
}

export function newRow(sight: { cluster: string; now: string }, machine: MachineView): NodeRecord {
  const identity = { role: machine.role, instanceId: machine.instanceId, vmId: machine.vmId, generation: 1 };
  return {
    cluster: sight.cluster,
    ...identity,
    nodeName: nodeName(identity),
    state: 'expected',
    address: machine.address,
    since: sight.now,
    createdAt: sight.now,
    awaitedSince: sight.now,
    detail: '',
    ticketAttempt: 0,
    ticketExpiresAt: '',
    registeredAt: '',
    nodeUid: '',
    goingDown: false,
    repairs: 0,
  };
}

function lookAt(
  row: NodeRecord,
  machine: MachineView,
  nodes: Map<string, EngineView> | undefined,
  now: string,
): NodeRecord {
  const seen = { ...row, address: machine.address || row.address };
  // Once a node has joined, the engine tells how it is: Azure also says `failed` after a restart or an update that failed.
  if (machine.provisioning === 'failed' && !row.registeredAt) {
    const why = machine.failure
      ? `${machine.failure.code}: ${machine.failure.message}`
      : 'Azure could not provision it';
    return moveTo(seen, 'failed', now, why) ?? seen;
  }
  if (row.state === 'parked') return isUp(machine) ? poweredOn(seen, now) : seen;
  const node = nodes?.get(row.nodeName);
  if (node) return withNode(seen, node, machine, now);
  if (row.state === 'expected' && isUp(machine)) return moveTo(seen, 'booting', now) ?? seen;
  if (row.state === 'ready' && nodes) return moveTo(seen, 'notReady', now, notReadyReason(machine, false)) ?? seen;
  return seen;
}

/** Somebody else has started it: it counts again, and is waited for. */
function poweredOn(row: NodeRecord, now: string): NodeRecord {
  const booting = moveTo(row, 'booting', now, 'its virtual machine was started outside Starling');
  return booting ? { ...booting, awaitedSince: now, repairs: 0 } : row;
}

function withNode(row: NodeRecord, node: EngineView, machine: MachineView, now: string): NodeRecord {
  // What it was before it was let in anew: the engine keeps that until the new node has taken the name.
  if (!row.registeredAt && row.nodeUid === node.uid && !node.ready) return row;
  const registered = {
    ...row,
    nodeUid: node.uid,
    registeredAt: row.registeredAt || now,
    address: row.address || node.address,
  };
  if (node.ready && row.state !== 'ready') {
    // The engine may call a node ready for a while after its machine went down: one that comes back has to run at least.
    const comesBack = row.registeredAt !== '' && row.state === 'booting';
    if (comesBack && machine.power !== 'running') return registered;
    const ready = advanceTo(registered, 'ready', now);
    return ready ? { ...ready, repairs: 0, goingDown: row.goingDown && !comesBack } : registered;
  }
  if (!node.ready && row.state === 'ready')
    return moveTo(registered, 'notReady', now, notReadyReason(machine, true)) ?? registered;
  return registered;
}

const isUp = (machine: MachineView): boolean => machine.provisioning !== 'creating' && machine.power === 'running';

function notReadyReason(machine: MachineView, listed: boolean): string {
  if (machine.power !== 'running') return `the virtual machine is ${machine.power}`;
  return listed ? 'the engine has not heard of the node lately' : 'the engine no longer lists the node';
}

export function stateEvent(
  row: NodeRecord,
  from: NodeState | undefined,
  sight: { now: string; cause: string },
): EventRecord {
  return {
    cluster: row.cluster,
    id: `${sight.now}-${row.vmId.slice(0, 13)}-g${row.generation}-${row.state}`,
    at: sight.now,
    type: `node.${row.state}`,
    subject: row.nodeName,
    cause: sight.cause,
    message: `${row.nodeName} ${from ? `went from ${from} to` : 'is'} ${row.state}${row.detail ? `: ${row.detail}` : ''}`,
    data: { vmId: row.vmId, instanceId: row.instanceId, ...(from ? { from } : {}), to: row.state },
  };
}
