import { isServing, type NodeRecord, type NodeRole } from './node';
import { refuse, type Refusal } from './errors';
import { JOIN_DEADLINE_MS } from './plan';

/** At most what design §3 allows a token to live. */
export const TICKET_LIFETIME_MS = 15 * 60_000;
/** A ticket this close to its end is made anew, so that the node has time to use it. */
const TICKET_MARGIN_MS = 2 * 60_000;

export type JoinDecision = Refusal | { ok: true; attempt: number; expiresAt: string };

/** Whether it could join with the ticket that it was given, or is about to ask for one: part of a wave that is not over yet. */
export function awaitsToken(row: NodeRecord, now: number): boolean {
  if (row.registeredAt || !isServing(row.state)) return false;
  const isOnItsWay = row.state === 'expected' || row.state === 'booting';
  return isOnItsWay || (row.ticketAttempt > 0 && Date.parse(row.ticketExpiresAt) > now);
}

/** A machine says that its membership counts no longer: so it is only when its row and its node in the engine are not well. */
export const mayRejoin = (row: NodeRecord, node: { ready: boolean } | undefined): boolean =>
  row.state !== 'ready' && isServing(row.state) && node?.ready !== true;

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

/** A master that has not come by then does not hold up the others any more: it is for the operator to repair. */
const MASTER_TURN_MS = JOIN_DEADLINE_MS;

/**
 * Does this master make the cluster? Only master0 may, and only while no other master has ever been part of it: one that is
 * made anew after a loss joins those that are left, or there would be two clusters. The registry decides, never a race.
 */
export const initialisesCluster = (instanceId: string, masters: NodeRecord[]): boolean =>
  instanceId === 'master0' && !masters.some((row) => row.instanceId !== instanceId && row.registeredAt);

/**
 * May this master join now? One that makes the cluster at once; every other one when some master is ready, one at a time
 * (etcd has one learner at a time) and in the order of their names. Those that are lost hold up nobody.
 */
export function mayMasterJoin(instanceId: string, masters: NodeRecord[], now: number): boolean {
  if (initialisesCluster(instanceId, masters)) return true;
  const others = masters.filter((row) => row.instanceId !== instanceId);
  const goesFirst = (row: NodeRecord): boolean =>
    isComing(row, now) && (row.state === 'joining' || row.instanceId < instanceId);
  return others.some(({ state }) => state === 'ready') && !others.some(goesFirst);
}

const isComing = ({ state, awaitedSince }: NodeRecord, now: number): boolean =>
  (state === 'expected' || state === 'booting' || state === 'joining') &&
  now - Date.parse(awaitedSince) < MASTER_TURN_MS;
