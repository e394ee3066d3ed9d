import type { SwarmClient } from './connection';
import { translatedDocker } from './errors';
import { listTaskObjects } from './objects';

/** On the way to `running` (swarmkit `api/types.proto`). */
const ON_THE_WAY: ReadonlySet<string> = new Set([
  'new',
  'allocated',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
]);

/**
 * Tasks that should run and do not. Not those of global services: each is bound to its node, so one of a machine that is
 * parked or down waits for that machine alone and is no work that others could do.
 */
export async function countPending(client: SwarmClient): Promise<number> {
  const tasks = await translatedDocker('list the tasks that wait', () =>
    listTaskObjects(client, { 'desired-state': ['running'] }),
  );
  return tasks.filter(({ ServiceID, Slot, Status }) => ServiceID && Slot && ON_THE_WAY.has(Status.State)).length;
}
