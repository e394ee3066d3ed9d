import { AppError, ERRORS, type ErrorCode } from '../shared/model/errors';
import type { World } from '../shared/ports';

/** Not yet is no refusal, and would fill the log while a cluster boots. */
const QUIET: ReadonlySet<ErrorCode> = new Set(['CLUSTER_NOT_READY', 'AZURE_UNAVAILABLE', 'ENGINE_UNREACHABLE']);

/** More a minute than people and their mistakes make; anybody can send requests that are refused. */
const TOLD_ONE_BY_ONE = 100;

/** How many refusals of a cluster this process has told of in the minute; an entry counts for that minute only. */
const counts = new WeakMap<World, Map<string, { minute: string; count: number }>>();

/** Leaves an event row of the cluster. Of a flood beyond the limit above only one row for each reason and minute is kept. */
export async function noteRefusal(world: World, cluster: string, error: AppError, subject = ''): Promise<void> {
  if (QUIET.has(error.code) || ERRORS[error.code].status === 500) return;
  const at = new Date(world.clock.now()).toISOString();
  const minute = minuteOf(at);
  const isFlood = countOf(world, cluster, minute) > TOLD_ONE_BY_ONE;
  const id = isFlood ? `refused-${error.code}-${minute}` : `${at}-refused-${error.code}-${subject}`;
  const message = `${error.code}: ${typeof error.cause === 'string' ? error.cause : error.message}`;
  await world.events.append([{ cluster, id, at, type: 'join.refused', subject, cause: 'node', message }]);
}

/** `2026-02-03T04:05` */
export const minuteOf = (at: string): string => at.slice(0, 16);

function countOf(world: World, cluster: string, minute: string): number {
  const ofWorld = counts.get(world) ?? new Map<string, { minute: string; count: number }>();
  counts.set(world, ofWorld);
  const known = ofWorld.get(cluster);
  const count = known?.minute === minute ? known.count + 1 : 1;
  ofWorld.set(cluster, { minute, count });
  return count;
}
