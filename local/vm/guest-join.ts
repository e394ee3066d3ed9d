import { engineOf, liveGuest, roleOf, save, schedule, type Guest, type GuestTask, type GuestWorld } from './guest';
import { mountShares, STORAGE_UNIT } from './guest-storage';
import { hasUnit } from './custom-data';
import type { StorageAccess, Ticket } from './machine-state';
import { isRetryable, isSuccess, problemCode, retryDelayMs } from './retry';
import type { Answer } from './starling-client';

/** A machine that has joined before waits only shortly for news: it must come back even when the app is away. */
const REJOIN_LIMIT_MS = 120_000;
const ENGINE_START_MS = 1_000;
const ENGINE_POLL_MS = 2_000;
const UNIT_RESTART_MS = 30_000; // RestartSec of the unit

/**
 * `starling-join.service`: asks for the ticket at every boot and starts the engine with it. A refusal ends it until the
 * next boot; without an answer it goes on for ever at the first join, and with what it knows later.
 */
export async function runJoin(world: GuestWorld, task: GuestTask): Promise<void> {
  const before = liveGuest(world, task);
  if (!before) return;
  const claims = engineOf(world, before.spec)?.joinClaims(world, before);
  if (!claims) return schedule(world, 'join', task, ENGINE_POLL_MS);
  const { environment } = world.inventory.customData(before.spec);
  const answer = await world.client.post(before, 'join', environment, claims);
  const guest = liveGuest(world, task);
  if (!guest) return;
  const { state } = guest;
  if (isRetryable(answer)) retry(world, task, guest, answer);
  else if (isSuccess(answer)) takeTicket(world, task, guest, answer);
  else if (answer.status === 409 && claims.rejoin) {
    save(world, state, {}, 'starling: join: Starling still takes this machine for a member');
    schedule(world, 'join', { ...task, attempt: 0 }, UNIT_RESTART_MS);
  } else if (answer.status === 409 && state.disk.ticket) {
    save(world, state, {}, 'starling: join: joined before, nothing to do');
    askForShares(world, task, guest);
  } else {
    const line = `starling: join: refused with ${answer.status} ${problemCode(answer)}, giving up`;
    save(world, state, state.disk.ticket ? {} : { phase: `refused: ${problemCode(answer)}` }, line);
  }
}

function retry(world: GuestWorld, task: GuestTask, { state }: Guest, answer: Answer): void {
  if (state.disk.ticket && world.clock.now() - task.since > REJOIN_LIMIT_MS) {
    save(world, state, {}, 'starling: join: no ticket in time, going on with what is known');
    return;
  }
  const delayMs = retryDelayMs(world, task, answer);
  const why = answer.status === 0 ? 'no answer' : `answer ${answer.status}`;
  save(world, state, {}, `starling: join: ${why}, attempt ${task.attempt + 1}, next in ${Math.round(delayMs)} ms`);
  schedule(world, 'join', { ...task, attempt: task.attempt + 1 }, delayMs);
}

function takeTicket(world: GuestWorld, task: GuestTask, guest: Guest, answer: Answer): void {
  const { spec, state } = guest;
  const granted = parseTicket(answer.body, roleOf(world, spec));
  if (!granted || !engineOf(world, spec)?.accepts(granted)) {
    save(world, state, {}, 'starling: join: the ticket makes no sense');
    schedule(world, 'join', { ...task, attempt: 0 }, UNIT_RESTART_MS);
    return;
  }
  const { storage, ...ticket } = granted;
  if (storage && hasUnit(world.inventory.customData(spec), STORAGE_UNIT)) {
    mountShares(world, state, storage);
    engineWithTicket(world, task, { spec, state: world.inventory.state(spec.vmId) ?? state }, ticket);
  } else {
    engineWithTicket(world, task, guest, ticket);
    askForShares(world, task, guest);
  }
}

/** `starling-storage.service` comes after the join, and asks for itself when that brought nothing. */
function askForShares(world: GuestWorld, task: GuestTask, { spec }: Guest): void {
  if (!hasUnit(world.inventory.customData(spec), STORAGE_UNIT)) return;
  schedule(world, 'storage', { ...task, attempt: 0, since: world.clock.now() }, ENGINE_START_MS);
}

function engineWithTicket(world: GuestWorld, task: GuestTask, guest: Guest, ticket: Ticket): void {
  const { spec, state } = guest;
  const disk = engineOf(world, spec)?.takeTicket(world, guest, ticket);
  if (!disk) return;
  const change = { phase: 'starting the engine', disk };
  save(world, state, change, `starling: join: this is ${ticket.nodeName}, ${ticket.role} of ${ticket.engine}`);
  schedule(world, 'engine', { ...task, attempt: 0, since: world.clock.now() }, ENGINE_START_MS);
}

/** Only what the node's script lets through, whatever the engine: the right role and a name. */
function parseTicket(body: string, role: 'master' | 'agent'): (Ticket & { storage?: StorageAccess }) | undefined {
  try {
    const ticket = JSON.parse(body) as Ticket & { storage?: StorageAccess };
    const { token = '', servers = [] } = ticket;
    return ticket.role === role && ticket.nodeName ? { ...ticket, token, servers } : undefined;
  } catch {
    return undefined;
  }
}
