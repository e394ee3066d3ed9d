import { createHash } from 'node:crypto';
import { AppError, refuse, type Outcome } from '../../shared/model/errors';
import { isServing, type NodeRecord } from '../../shared/model/node';
import type { World } from '../../shared/ports';
import { look } from './observation';
import { engineOf, isoNow, mayProceed, requireCluster, updateNodes, writeEvent } from './records';

interface Held {
  cluster: string;
  operationId: string;
}

const superseded = refuse('CANCELLED', 'another operation has taken over');

/**
 * Names what could still be used: the ticket that a node has, and the next one, which another instance of the app may hand
 * out before it knows the new key. Only the public parts, so that they may lie in a history.
 */
export async function listWaitingTokens(world: World, { cluster, operationId }: Held): Promise<{ ids: string[] }> {
  const waiting = await lookForWaiting(world, { cluster, operationId });
  const tickets = waiting.flatMap((row) => [
    { ...row, attempt: row.ticketAttempt },
    { ...row, attempt: row.ticketAttempt + 1 },
  ]);
  const tokens = await Promise.all(tickets.map((ticket) => world.mint.derive(ticket)));
  return { ids: tokens.map(({ id }) => id) };
}

/** After a look: who has joined meanwhile does not wait any more. */
async function lookForWaiting(world: World, { cluster, operationId }: Held): Promise<NodeRecord[]> {
  return (await look(world, cluster, operationId)).rows.filter(isWaiting);
}

/** Agents on their way in: masters join with another token. */
const isWaiting = ({ role, registeredAt, state }: NodeRecord): boolean =>
  role === 'agent' && registeredAt === '' && isServing(state);

export async function rotateJoinKey(world: World, { cluster, operationId }: Held): Promise<Outcome<object>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  await world.mint.rotateJoinKey(cluster, operationId);
  const message = 'tokens are derived from a new key from now on';
  const id = `${operationId}-key.rotated`; // a repeat has nothing new to tell
  await writeEvent(world, { id, cluster, type: 'key.rotated', subject: cluster, cause: operationId, message });
  return { ok: true };
}

/** The ids are those of the old key. Whoever holds a ticket may have one of the new key: it is given another all the same. */
export async function revokeWaitingTokens(
  world: World,
  { cluster, operationId, ids }: Held & { ids: string[] },
): Promise<Outcome<{ vmIds: string[] }>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const holders = (await lookForWaiting(world, { cluster, operationId })).filter((row) => row.ticketAttempt > 0);
  const engine = await engineOf(world, await requireCluster(world, cluster));
  await engine?.revokeTokens(ids);
  const vmIds = holders.map(({ vmId }) => vmId);
  const awaitedSince = isoNow(world);
  if (vmIds.length > 0)
    await updateNodes(world, cluster, vmIds, (row) =>
      isWaiting(row) ? { ...row, ticketExpiresAt: '', awaitedSince } : undefined,
    );
  for (const { nodeName } of holders) {
    const message = `the ticket of ${nodeName} was revoked, it gets another at its next boot`;
    await writeEvent(world, { cluster, type: 'ticket.revoked', subject: nodeName, cause: operationId, message });
  }
  return { ok: true, vmIds };
}

export async function restartWaiting(
  world: World,
  { cluster, operationId, vmIds }: Held & { vmIds: string[] },
): Promise<Outcome<{ pollers: string[] }>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const rows = (await world.nodes.list(cluster)).map(({ record }) => record);
  const waiting = rows.filter((row) => vmIds.includes(row.vmId) && isWaiting(row));
  if (waiting.length === 0) return { ok: true, pollers: [] };
  const begun = await world.cloud.restartAgents(
    cluster,
    waiting.map(({ instanceId }) => instanceId),
  );
  return begun.ok ? { ok: true, pollers: [begun.poller] } : begun;
}

/** A few digits of a digest tell credentials apart, and tell nothing of them; of all masters' where each has its own. */
export async function markCredential(world: World, { cluster }: { cluster: string }): Promise<{ mark: string }> {
  const reports = await world.engines.reports(await requireCluster(world, cluster));
  if (reports.length === 0) return { mark: '' };
  const credentials = reports.map(({ credential }) => credential).join();
  return { mark: createHash('sha256').update(credentials).digest('hex').slice(0, 8) };
}

export async function checkCredential(
  world: World,
  { cluster, before }: { cluster: string; before: string },
): Promise<{ changed: boolean; answers: boolean }> {
  const { mark } = await markCredential(world, { cluster });
  const engine = await engineOf(world, await requireCluster(world, cluster));
  try {
    return { changed: mark !== before, answers: (await engine?.listNodes()) !== undefined };
  } catch (error) {
    // Not reached, or refused: either may pass, since the app learns of a new credential a little later.
    if (error instanceof AppError) return { changed: mark !== before, answers: false };
    throw error;
  }
}
