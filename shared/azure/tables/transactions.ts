import type { TableClient, TransactionAction } from '@azure/data-tables';
import { isStatus, readFailure, toAppError } from '../errors';

/** Most that the service takes in one transaction. */
const BATCH = 100;

/**
 * Carries out the actions, all of one partition and each on another row, in transactions of 100. A transaction is all or
 * nothing, so the row that fails its condition is found and left out, and the rest is sent again. Returns the row keys left out.
 */
export async function commit(client: TableClient, actions: TransactionAction[]): Promise<string[]> {
  const leftOut: string[] = [];
  for (let start = 0; start < actions.length; start += BATCH) {
    leftOut.push(...(await commitBatch(client, actions.slice(start, start + BATCH))));
  }
  return leftOut;
}

async function commitBatch(client: TableClient, actions: TransactionAction[]): Promise<string[]> {
  const leftOut: string[] = [];
  let rest = actions;
  while (rest.length > 0) {
    const failed = await submit(client, rest);
    if (!failed) break;
    const index = failed.index ?? (rest.length === 1 ? 0 : undefined);
    if (index === undefined) return [...leftOut, ...(await commitHalves(client, rest))];
    leftOut.push(rowKeyOf(rest[index]));
    rest = rest.filter((_, position) => position !== index);
  }
  return leftOut;
}

/** For a service that does not tell which row failed. */
async function commitHalves(client: TableClient, actions: TransactionAction[]): Promise<string[]> {
  const middle = Math.ceil(actions.length / 2);
  const first = await commitBatch(client, actions.slice(0, middle));
  return [...first, ...(await commitBatch(client, actions.slice(middle)))];
}

/** Undefined when it succeeded; else the position of the failing row, where the service told it. */
async function submit(client: TableClient, actions: TransactionAction[]): Promise<{ index?: number } | undefined> {
  try {
    await send(client, actions);
    return undefined;
  } catch (error) {
    if (!isStatus(error, 404, 409, 412)) throw toAppError(error);
    return { index: failedIndex(error, actions.length) };
  }
}

/** A transaction of one is nothing else than its action, and costs both sides several times as much. */
async function send(client: TableClient, actions: TransactionAction[]): Promise<void> {
  const only = actions.length === 1 ? actions[0] : undefined;
  if (only?.[0] === 'create') await client.createEntity(only[1]);
  else if (only?.[0] === 'update') await client.updateEntity(only[1], only[2], only[3]);
  else await client.submitTransaction(actions);
}

/** `3:The update condition specified in the request was not satisfied.` */
function failedIndex(error: unknown, count: number): number | undefined {
  const match = /^(\d+):/.exec(readFailure(error)?.message ?? '');
  const index = match ? Number(match[1]) : count;
  return index < count ? index : undefined;
}

const rowKeyOf = (action: TransactionAction | undefined): string => String(action?.[1].rowKey ?? '');
