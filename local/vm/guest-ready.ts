import { engineOf, liveGuest, save, schedule, type GuestTask, type GuestWorld } from './guest';
import { isRetryable, isSuccess, problemCode, retryDelayMs } from './retry';

const POLL_MS = 2_000;

/**
 * `starling-ready.service`: tells Starling what it must know of the engine on this machine, once it runs. True once Starling
 * has it; otherwise it goes on by itself.
 */
export async function runReady(world: GuestWorld, task: GuestTask): Promise<boolean> {
  const before = liveGuest(world, task);
  if (!before) return false;
  const claims = engineOf(world, before.spec)?.readyClaims(world, before);
  if (!claims) {
    schedule(world, 'ready', task, POLL_MS);
    return false;
  }
  const { environment } = world.inventory.customData(before.spec);
  const answer = await world.client.post(before, 'ready', environment, claims);
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
