import type { ClusterRecord } from '../shared/model/cluster';
import { AppError, ERRORS, type ErrorCode } from '../shared/model/errors';
import type { OperationRecord } from '../shared/model/operation';
import type { World } from '../shared/ports';

/** What a request does itself, while its operation holds the cluster: what must not get into a history. */
export type Prepare = (operation: OperationRecord) => Promise<void>;

/** Tries of a write that others may make first; nobody else writes a cluster's row often. */
const WRITE_ATTEMPTS = 10;

/** When it fails the operation ends with that, the cluster is let go, and the caller gets the error. */
export async function prepareOrEnd(world: World, operation: OperationRecord, prepare: Prepare): Promise<void> {
  try {
    await prepare(operation);
  } catch (error) {
    await end(world, operation, error);
    throw error;
  }
}

async function end(world: World, operation: OperationRecord, error: unknown): Promise<void> {
  const { id, cluster, verb } = operation;
  const { code, message } = whatIsKept(error);
  await letGo(world, operation);
  const at = new Date(world.clock.now()).toISOString();
  const found = await world.operations.get(id);
  if (found?.record.state !== 'running') return; // pre-empted meanwhile, and ended by who did it
  const ended = { ...found.record, state: 'failed' as const, phase: 'failed', endedAt: at, error: { code, message } };
  if (!(await world.operations.replace(ended, found.etag))) return;
  const event = { cluster, id: `${at}-${id}`, at, type: 'operation.failed', subject: id, cause: id };
  await world.events.append([{ ...event, message: `${verb} failed: ${message}` }]);
}

/**
 * A refusal may repeat a line of what was sent, such as a password of a manifest: the caller reads it in the answer, and
 * nowhere is it kept.
 */
function whatIsKept(error: unknown): { code: ErrorCode; message: string } {
  if (!(error instanceof AppError)) return { code: 'INTERNAL', message: 'the request failed; the log has more' };
  const { code, message } = error;
  const { status, title } = ERRORS[code];
  return { code, message: status < 500 ? `${title}; the answer to the request said why` : message };
}

/** The cluster is as it was before the request: nothing was begun. */
async function letGo(world: World, { id, cluster }: OperationRecord): Promise<void> {
  for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
    const found = await world.clusters.get(cluster);
    if (found?.record.operation !== id) return;
    const updatedAt = new Date(world.clock.now()).toISOString();
    const free: ClusterRecord = { ...found.record, operation: null, updatedAt };
    if (await world.clusters.replace(free, found.etag)) return;
  }
}
