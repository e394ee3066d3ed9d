import type { ChaosRequest } from './chaos';
import type { NodeRecord } from './node';

/** The engine's view of a node, as far as chaos asks for it. */
export interface ChaosNode {
  name: string;
  uid: string;
  ready: boolean;
  schedulable: boolean;
  bootId: string;
  avoidsChaos: boolean;
}

/**
 * An agent that was made, started or reimaged a moment ago still pulls images and takes work: what breaks then says nothing
 * of a cluster in its steady state. Ten minutes are enough for that, and short enough for a cluster made for an afternoon.
 */
export const MIN_AGE_MS = 10 * 60_000;

/** What the run is about to do, and what a person should know of it. */
export interface StrikePlan {
  /** In the order of the strikes; empty when nobody may be struck. */
  victims: NodeRecord[];
  /** Victims at the same time; 0 when nobody may be struck. */
  concurrency: number;
  /** Why it is less than was asked for, or nothing at all; empty otherwise. */
  notes: string[];
}

/** Why this agent must not be struck now; empty when it may. Opting out wins over everything. */
export function whySpared(row: NodeRecord, node: ChaosNode | undefined, now: number): string {
  if (node?.avoidsChaos) return 'opted out';
  if (row.state !== 'ready' || !node?.ready) return 'not ready';
  if (row.goingDown) return 'going down';
  if (!node.schedulable) return 'cordoned';
  const since = Math.max(Date.parse(row.createdAt), Date.parse(row.awaitedSince));
  return now - since < MIN_AGE_MS ? 'younger than ten minutes' : '';
}

const byName = (a: NodeRecord, b: NodeRecord): number =>
  a.nodeName < b.nodeName ? -1 : a.nodeName > b.nodeName ? 1 : 0;

/** Agents that may be struck, sorted by name, and how many were spared for which reason. */
export function eligibleAgents(
  rows: NodeRecord[],
  nodes: ChaosNode[],
  now: number,
): { eligible: NodeRecord[]; spared: Map<string, number> } {
  const byNodeName = new Map(nodes.map((node) => [node.name, node]));
  const spared = new Map<string, number>();
  const eligible = rows.filter((row) => {
    if (row.role !== 'agent' || row.state === 'gone') return false;
    const why = whySpared(row, byNodeName.get(row.nodeName), now);
    if (why) spared.set(why, (spared.get(why) ?? 0) + 1);
    return why === '';
  });
  return { eligible: eligible.sort(byName), spared };
}

/**
 * Shuffles by Fisher and Yates with mulberry32, a generator of 32 bits that is public domain, has ten lines and is the same
 * on every machine: the same seed on the same list gives the same order.
 */
export function seededOrder<T>(items: readonly T[], seed: number): T[] {
  const random = mulberry32(seed);
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many are asked for: a fraction is rounded up, so that a small one of a small cluster is one agent and not none. */
export function wantedVictims({ count, fraction }: ChaosRequest, eligible: number): number {
  if (fraction === undefined) return count ?? 1;
  return Math.max(1, Math.ceil(fraction * eligible - 1e-9)); // 0.07 × 100 is a little more than 7 in a computer
}

/** Who is struck, in which order, how many at once: never more than half of the ready agents, whatever was asked for. */
export function planStrikes(request: ChaosRequest, eligible: NodeRecord[], readyAgents: number): StrikePlan {
  if (eligible.length === 0) return { victims: [], concurrency: 0, notes: ['no agent may be struck'] };
  const atOnce = Math.floor(readyAgents / 2);
  if (atOnce === 0) {
    const note = 'at most half of the ready agents are struck at once, and there is only one';
    return { victims: [], concurrency: 0, notes: [note] };
  }
  const wanted = wantedVictims(request, eligible.length);
  const victims = seededOrder(eligible, request.seed).slice(0, wanted);
  const notes: string[] = [];
  if (victims.length < wanted) notes.push(`${victims.length} instead of ${wanted} victims: no more are eligible`);
  const asked = Math.min(request.concurrency, victims.length);
  if (asked > atOnce)
    notes.push(`${atOnce} instead of ${asked} at once: at most half of the ${readyAgents} ready agents`);
  return { victims, concurrency: Math.min(asked, atOnce), notes };
}
