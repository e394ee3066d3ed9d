import { isServing, type NodeRecord, type NodeRole } from './node';
import { refuse, type Refusal } from './errors';

/** At most what design §3 allows a token to live. */
export const TICKET_LIFETIME_MS = 15 * 60_000;
/** A ticket this close to its end is made anew, so that the node has time to use it. */
const TICKET_MARGIN_MS = 2 * 60_000;

export type JoinDecision = Refusal | { ok: true; attempt: number; expiresAt: string };

/**
 * One join per VM and generation: before registration a repeat gets the same ticket (or the next one, once that has
 * expired); after it nothing.
 */
export function decideJoin(row: NodeRecord, inEngine: boolean, now: number): JoinDecision {
  if (row.registeredAt || inEngine) return refuse('ALREADY_JOINED', `${row.nodeName} is part of the cluster already`);
  if (!isServing(row.state) || row.state === 'failed') return refuse('NODE_LEAVING', `${row.nodeName} is ${row.state}`);
  const live = row.ticketAttempt > 0 && Date.parse(row.ticketExpiresAt) - now > TICKET_MARGIN_MS;
  if (live) return { ok: true, attempt: row.ticketAttempt, expiresAt: row.ticketExpiresAt };
  return { ok: true, attempt: row.ticketAttempt + 1, expiresAt: new Date(now + TICKET_LIFETIME_MS).toISOString() };
}

/** Claims name masters `master0` … and agents by their instance id. */
export const roleOf = (instanceId: string): NodeRole => (instanceId.startsWith('master') ? 'master' : 'agent');

/** master0 makes the cluster; every other master joins those before it, one at a time: Starling decides, not a race. */
export function mayMasterJoin(instanceId: string, masters: NodeRecord[]): boolean {
  const index = Number(instanceId.slice('master'.length));
  return Array.from({ length: index }, (_, i) => `master${i}`).every((name) =>
    masters.some((row) => row.instanceId === name && row.state === 'ready'),
  );
}
