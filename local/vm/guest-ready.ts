import { endpointName, liveGuest, save, schedule, type GuestTask, type GuestWorld } from './guest';
import { isRetryable, isSuccess, problemCode, retryDelayMs } from './retry';

const POLL_MS = 2_000;

/**
 * `starling-ready.service` on a master: tells Starling where its API is and with which credential it may be used. True once
 * Starling has it; otherwise it goes on by itself.
 */
export async function runReady(world: GuestWorld, task: GuestTask): Promise<boolean> {
  const before = liveGuest(world, task);
  if (!before) return false;
  const fqdn = endpointName(before);
  const identity = world.k3s.identityOf(fqdn);
  if (!identity) {
    schedule(world, 'ready', task, POLL_MS);
    return false;
  }
  const { environment } = world.inventory.customData(before.spec);
  const answer = await world.client.post(before, 'ready', environment, {
    endpoint: `https://${fqdn}:6443`,
    ...identity,
  });
  const guest = liveGuest(world, task);
  if (!guest) return false;
  if (isRetryable(answer)) {
    const delayMs = retryDelayMs(world, task, answer);
    save(world, guest.state, {}, `starling: ready: answer ${answer.status}, next in ${Math.round(delayMs)} ms`);
    schedule(world, 'ready', { ...task, attempt: task.attempt + 1 }, delayMs);
  } else if (isSuccess(answer) || answer.status === 409) {
    save(world, guest.state, {}, 'starling: ready: told');
    return true;
  } else {
    const line = `starling: ready: refused with ${answer.status} ${problemCode(answer)}, giving up`;
    save(world, guest.state, { phase: `refused: ${problemCode(answer)}` }, line);
  }
  return false;
}
