import { liveGuest, save, schedule, type GuestTask, type GuestWorld } from './guest';
import type { MachineState, StorageAccess } from './machine-state';
import { isRetryable, isSuccess, problemCode, retryDelayMs } from './retry';

export const STORAGE_UNIT = 'starling-storage.service';

/** `starling-storage.service`, where the ticket brought no key: asks until there is an answer that no repeat would change. */
export async function runStorage(world: GuestWorld, task: GuestTask): Promise<void> {
  const before = liveGuest(world, task);
  if (!before) return;
  const answer = await world.client.post(before, 'storage', world.inventory.customData(before.spec).environment);
  const guest = liveGuest(world, task);
  if (!guest) return;
  if (isRetryable(answer)) {
    const delayMs = retryDelayMs(world, task, answer);
    save(world, guest.state, {}, `starling: storage: answer ${answer.status}, next in ${Math.round(delayMs)} ms`);
    schedule(world, 'storage', { ...task, attempt: task.attempt + 1 }, delayMs);
  } else if (isSuccess(answer)) mountShares(world, guest.state, parseAccess(answer.body));
  else save(world, guest.state, {}, `starling: storage: refused with ${answer.status} ${problemCode(answer)}`);
}

/** Mounts are kept for people to see; the key, which only the mount would use, is not. */
export function mountShares(world: GuestWorld, state: MachineState, access: StorageAccess | undefined): void {
  const mounts = (access?.shares ?? []).map((share) => `${access?.mountAt}/${share}`);
  const line = access ? `${mounts.length} shares below ${access.mountAt}` : 'this cluster has no shares';
  save(world, state, { disk: { ...state.disk, mounts } }, `starling: storage: ${line}`);
}

function parseAccess(body: string): StorageAccess | undefined {
  try {
    return (JSON.parse(body) as { storage?: StorageAccess | null }).storage ?? undefined;
  } catch {
    return undefined;
  }
}
