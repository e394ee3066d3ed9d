export type NodeRole = 'master' | 'agent';

export type NodeState =
  'expected' | 'booting' | 'joining' | 'ready' | 'notReady' | 'draining' | 'leaving' | 'parked' | 'failed' | 'gone';

/**
 * The only moves of a node (design §4). Everything may fail; everything may be gone, but only when Azure says so. More than
 * the design has: whoever is part of the cluster may be parked, since a whole cluster stops as it stands. `draining` is for
 * removal only: who is drained for a restart stays `ready`, so that nobody takes an interrupted restart for a removal.
 */
const MOVES: Record<NodeState, readonly NodeState[]> = {
  expected: ['booting', 'parked'],
  booting: ['joining', 'parked'],
  joining: ['ready', 'parked'],
  ready: ['notReady', 'draining', 'parked'],
  notReady: ['ready', 'draining', 'parked'],
  draining: ['leaving'],
  leaving: [],
  parked: ['booting'],
  failed: [],
  gone: [],
};

export function canMove(from: NodeState, to: NodeState): boolean {
  if (from === 'gone' || from === to) return false;
  return to === 'gone' || to === 'failed' || MOVES[from].includes(to);
}

/** One VM in one generation. The key is `vmId`, which Azure never reuses; a reimage opens a new generation. */
export interface NodeRecord {
  cluster: string;
  vmId: string;
  role: NodeRole;
  /** Scale-set instance id of an agent, VM name of a master. May be reused by Azure. */
  instanceId: string;
  /** The engine's name for it, decided by Starling, never reused. */
  nodeName: string;
  state: NodeState;
  generation: number;
  address: string;
  /** When the state was entered. */
  since: string;
  /** When the row was made. */
  createdAt: string;
  /** Since when it is waited for: made, started or reimaged. A node that is late is late from here. */
  awaitedSince: string;
  /** Why, for a person. */
  detail: string;
  /** Join tickets handed out for this generation; the token of a ticket is derived from it. */
  ticketAttempt: number;
  /** Until when the token of the latest ticket lives; empty while there is none. */
  ticketExpiresAt: string;
  /** When the engine first listed the node ready in this generation; empty before. Decides that a second join is a replay. */
  registeredAt: string;
  /** The engine's uid of the node, known once it was seen. */
  nodeUid: string;
  /** It said that it is going down and was cordoned for that; cleared when it has booted again. */
  goingDown: boolean;
  /** Repairs tried since it was last ready. */
  repairs: number;
}

/** States in which a node is part of what was asked for. */
export const isServing = (state: NodeState): boolean =>
  state !== 'gone' && state !== 'leaving' && state !== 'draining' && state !== 'parked';

/** `agents-3-1a2b3c4d`, `master0-99aa88bb`, `…-g2` after a reimage: unique per VM and generation (facts: k3s refuses a reused name). */
export function nodeName(machine: { role: NodeRole; instanceId: string; vmId: string; generation: number }): string {
  const base = machine.role === 'agent' ? `agents-${machine.instanceId}` : machine.instanceId;
  const suffix = machine.generation > 1 ? `-g${machine.generation}` : '';
  return `${base}-${machine.vmId.slice(0, 8)}${suffix}`.toLowerCase();
}

const COURSE: readonly NodeState[] = ['expected', 'booting', 'joining', 'ready'];

/** Moves step by step along expected → booting → joining → ready, where events were missed in between. */
export function advanceTo(node: NodeRecord, state: NodeState, now: string, detail = ''): NodeRecord | undefined {
  if (canMove(node.state, state)) return moveTo(node, state, now, detail);
  const from = COURSE.indexOf(node.state);
  const to = COURSE.indexOf(state);
  return from >= 0 && to > from ? { ...node, state, since: now, detail } : undefined;
}

/** Returns the record in its new state, or undefined when the table does not allow the move. A repeat returns undefined. */
export function moveTo(node: NodeRecord, state: NodeState, now: string, detail = ''): NodeRecord | undefined {
  return canMove(node.state, state) ? { ...node, state, since: now, detail } : undefined;
}

/**
 * The same VM with an empty disk: a new generation with a new name, which may join once. What belonged to the old one, its
 * engine node and its password, is the caller's to remove before the machine boots.
 */
export function newGeneration(node: NodeRecord, now: string): NodeRecord {
  const generation = node.generation + 1;
  return {
    ...node,
    generation,
    nodeName: nodeName({ ...node, generation }),
    state: 'expected',
    since: now,
    awaitedSince: now,
    detail: '',
    ticketAttempt: 0,
    ticketExpiresAt: '',
    registeredAt: '',
    nodeUid: '',
    goingDown: false,
    repairs: 0,
  };
}
