import type { ClusterPhase, ClusterSpec } from './cluster';
import { isServing, type NodeRecord } from './node';
import { chooseVictims } from './victims';
import type { MachineView } from './observe';
import { agentsReason, mastersReason } from './health';

/** How long a VM may take from Azure's listing to Ready before it is replaced: what Karpenter allows for registration. */
export const JOIN_DEADLINE_MS = 15 * 60_000;
/** How long an agent may be NotReady before it is restarted: AKS's auto-repair waits as long. */
export const NOT_READY_REPAIR_MS = 5 * 60_000;
/** Azure restarts a machine that approves nothing, because it hangs, only when its notice of a reboot is over. */
export const REBOOT_NOTICE_MS = 15 * 60_000;
/** How often a NotReady agent is restarted before it is only reported. */
export const MAX_REPAIRS = 3;
/** Cluster-autoscaler's fuse: more than this share unhealthy (and at least three) is not a node's problem. */
const FUSE_SHARE = 0.45;
const FUSE_COUNT = 3;

export type Action =
  /** Drain these agents, then delete them; with `missed`, which is the wish, bring others for them. */
  | { kind: 'retire'; vmIds: string[]; reason: string; missed?: number }
  /** Delete these agents, which hold no work, and bring others for them. */
  | { kind: 'replace'; vmIds: string[]; reason: string; missed: number }
  | { kind: 'start'; vmIds: string[]; reason: string }
  | { kind: 'restart'; vmIds: string[]; reason: string }
  | { kind: 'startMaster'; name: string; reason: string }
  | { kind: 'grow'; agents: number; reason: string }
  | { kind: 'adopt'; agents: number; reason: string };

export interface Situation {
  spec: ClusterSpec;
  /** After `observe`. */
  rows: NodeRecord[];
  machines: MachineView[];
  /** undefined when the scale set is not there. */
  capacity: number | undefined;
  engineReachable: boolean;
  halted: boolean;
  /** What kept automation from bringing the agents that are missing; empty or absent when nothing did. */
  shortage?: string;
  now: number;
}

export interface Plan {
  actions: Action[];
  phase: ClusterPhase;
  phaseReason: string;
}

/**
 * What to do about the difference between the wish and the world. Pure. Never touches a master beyond powering it on,
 * never deletes an agent because of NotReady alone, and stops itself when too much is broken at once.
 */
export function plan(situation: Situation): Plan {
  const health = assess(situation);
  if (situation.halted) return { ...health, actions: [] };
  const unfinished = agents(situation.rows).filter((row) => row.state === 'draining' || row.state === 'leaving');
  const actions: Action[] = [];
  if (unfinished.length > 0)
    actions.push({ kind: 'retire', vmIds: ids(unfinished), reason: 'their removal was begun' });
  if (fuseBlown(situation)) {
    return {
      phase: 'degraded',
      phaseReason: `${health.phaseReason}; automation stopped itself because too many agents are unhealthy`,
      actions,
    };
  }
  const changes = drift(situation);
  const going = new Set(changes.flatMap((action) => (action.kind === 'retire' ? action.vmIds : [])));
  // What is about to go is not repaired first.
  actions.push(...repairs({ ...situation, rows: situation.rows.filter(({ vmId }) => !going.has(vmId)) }), ...changes);
  return { ...health, actions };
}

const ids = (rows: NodeRecord[]): string[] => rows.map((row) => row.vmId).sort();
const agents = (rows: NodeRecord[]): NodeRecord[] => rows.filter((row) => row.role === 'agent');
const ageMs = (time: string, now: number): number => now - Date.parse(time);

function assess(situation: Situation): { phase: ClusterPhase; phaseReason: string } {
  const silent = situation.engineReachable ? '' : 'no master answers';
  const reasons = [silent, mastersReason(situation), agentsReason(situation)].filter(Boolean);
  return reasons.length === 0
    ? { phase: 'ready', phaseReason: '' }
    : { phase: 'degraded', phaseReason: reasons.join(', ') };
}

/** Agents that were part of the cluster and now are not well; those on their first way up do not count. */
function fuseBlown({ rows }: Situation): boolean {
  const grown = agents(rows).filter((row) => row.registeredAt && isServing(row.state));
  const unwell = grown.filter((row) => row.state !== 'ready');
  return unwell.length >= FUSE_COUNT && unwell.length > grown.length * FUSE_SHARE;
}

const OFF: ReadonlySet<string> = new Set(['stopped', 'deallocated']);
export const isOff = (power: string): boolean => OFF.has(power);

/** Agents that should serve but whose VM is off, without those that were started too often already. */
export function stoppedAgents(rows: NodeRecord[], machines: MachineView[]): string[] {
  const off = new Set(machines.filter(({ power }) => OFF.has(power)).map(({ vmId }) => vmId));
  const shouldServe = (row: NodeRecord): boolean => row.state === 'notReady' || isComing(row);
  return ids(agents(rows).filter((row) => off.has(row.vmId) && shouldServe(row) && row.repairs < MAX_REPAIRS));
}

function repairs(situation: Situation): Action[] {
  const { rows, machines, now } = situation;
  const missed = situation.spec.agents.count;
  const power = new Map(machines.map((machine) => [machine.vmId, machine.power]));
  const stopped = (row: NodeRecord): boolean => OFF.has(power.get(row.vmId) ?? '');
  const actions: Action[] = [];
  const isLate = (row: NodeRecord): boolean => isComing(row) && ageMs(row.awaitedSince, now) > JOIN_DEADLINE_MS;
  const broken = agents(rows).filter(
    (row) => row.state === 'failed' || (isLate(row) && (!stopped(row) || row.repairs >= MAX_REPAIRS)),
  );
  if (broken.length > 0) actions.push({ kind: 'replace', vmIds: ids(broken), reason: 'they never joined', missed });
  const off = stoppedAgents(rows, machines);
  if (off.length > 0) actions.push({ kind: 'start', vmIds: off, reason: 'their virtual machines are stopped' });
  const hopeless = agents(rows).filter((row) => row.state === 'notReady' && stopped(row) && row.repairs >= MAX_REPAIRS);
  if (hopeless.length > 0)
    actions.push({ kind: 'retire', vmIds: ids(hopeless), reason: 'their virtual machines cannot be started', missed });
  const silent = agents(rows).filter((row) => isSilent(row, now) && !stopped(row) && situation.engineReachable);
  if (silent.length > 0)
    actions.push({ kind: 'restart', vmIds: ids(silent), reason: 'they have not been ready for five minutes' });
  for (const row of rows.filter((row) => row.role === 'master' && stopped(row))) {
    actions.push({ kind: 'startMaster', name: row.instanceId, reason: 'its virtual machine is stopped' });
  }
  return actions;
}

const isComing = (row: NodeRecord): boolean =>
  row.state === 'expected' || row.state === 'booting' || row.state === 'joining';

/** Each further restart waits for the end of the last one and one more period, so that a slow boot is not cut short. */
function isSilent(row: NodeRecord, now: number): boolean {
  return (
    row.state === 'notReady' &&
    row.repairs < MAX_REPAIRS &&
    ageMs(row.since, now) > NOT_READY_REPAIR_MS + (REBOOT_NOTICE_MS + NOT_READY_REPAIR_MS) * row.repairs
  );
}

function drift(situation: Situation): Action[] {
  const { spec, rows, capacity } = situation;
  if (capacity === undefined) return [];
  const serving = agents(rows).filter((row) => isServing(row.state));
  const leaving = agents(rows).length - serving.length;
  // Azure may count VMs that it does not list yet; they are on their way.
  const coming = Math.max(0, capacity - leaving - serving.length);
  const difference = serving.length + coming - spec.agents.count;
  if (difference === 0) return [];
  // What Azure's autoscale does is done outside as well, and was asked for.
  const adopts = spec.drift === 'adopt' || spec.agents.autoscale !== null;
  const isTaken = difference < 0 && (spec.agents.priority === 'Spot' || Boolean(situation.shortage));
  if (adopts && !isTaken) {
    const wish = Math.min(spec.agents.max, Math.max(spec.agents.min, spec.agents.count + difference));
    if (wish !== spec.agents.count)
      return [{ kind: 'adopt', agents: wish, reason: 'the scale set was changed outside Starling' }];
  }
  if (difference < 0) return [{ kind: 'grow', agents: spec.agents.count, reason: `${-difference} agents are missing` }];
  const victims = chooseVictims(rows, difference);
  return victims.length > 0
    ? [{ kind: 'retire', vmIds: victims, reason: `${difference} agents are more than asked for` }]
    : [];
}
