import type { EvictionResult } from '../../ports';
import type { SwarmClient } from './connection';
import { translatedDocker } from './errors';
import { listServiceObjects, listTaskObjects, orAbsent, type NodeObject, type TaskObject } from './objects';
import { drain } from './scheduling';

/** States that no task leaves again (swarmkit `api/types.proto`). */
const OVER: ReadonlySet<string> = new Set(['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned']);

/** One pass of a drain. Once the node is drained the managers move its tasks by themselves: the passes only look. */
export async function evictTasks(client: SwarmClient, name: string): Promise<EvictionResult> {
  const node = await drain(client, name);
  if (!node) return { remaining: 0, blocked: [] };
  return translatedDocker(`move the tasks of ${name}`, async () => {
    const found = await orAbsent(listTaskObjects(client, { node: [node.ID] })); // 404: the node has gone meanwhile
    const tasks = (found ?? []).filter(isMovable);
    const left = tasks.filter((task) => holds(task, node));
    return { remaining: left.length, blocked: await findBlocked(client, tasks) };
  });
}

/** Containers that nobody's service asked for end with the machine, and so do those of global services, one for each node. */
const isMovable = ({ ServiceID, Slot }: TaskObject): boolean => Boolean(ServiceID && Slot);

/** Also one that is stopping. Of a machine that is down nobody hears, so what was given to others counts no longer. */
function holds({ Status, DesiredState }: TaskObject, node: NodeObject): boolean {
  const isLost = node.Status.State === 'down' && DesiredState !== 'running';
  return !OVER.has(Status.State) && !isLost;
}

/** Services of these tasks for which no other node will do, as the scheduler says it while it looks for one. */
async function findBlocked(client: SwarmClient, moved: TaskObject[]): Promise<string[]> {
  const services = [...new Set(moved.map(({ ServiceID = '' }) => ServiceID))];
  if (services.length === 0) return [];
  // 404: one of them was removed meanwhile; the next pass knows the others again.
  const wanted = orAbsent(listTaskObjects(client, { service: services, 'desired-state': ['running'] }));
  const stuck = ((await wanted) ?? []).filter(
    ({ NodeID, Status }) => !NodeID && /no suitable node/.test(Status.Err ?? ''),
  );
  if (stuck.length === 0) return [];
  const names = new Map((await listServiceObjects(client)).map(({ ID, Spec }) => [ID, Spec.Name]));
  const reasons = new Map(stuck.map(({ ServiceID = '', Status }) => [names.get(ServiceID) ?? ServiceID, Status.Err]));
  return [...reasons].map(([service, reason]) => `${service}: ${reason}`);
}
