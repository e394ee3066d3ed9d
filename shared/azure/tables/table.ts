import { odata, type TableClient, type TransactionAction } from '@azure/data-tables';
import { foundOrUndefined, isStatus, translated } from '../errors';
import { commit } from './transactions';
import { checkSizes, type Row, type StoredRow } from './rows';

/** One table: the few operations that the stores need, conditional wherever they write. */
export interface Table {
  get(partitionKey: string, rowKey: string): Promise<StoredRow | undefined>;
  /** In the order of row keys; at most `limit` when one is given. */
  list(filter: string | undefined, limit?: number): Promise<StoredRow[]>;
  /** False when the row exists. */
  insert(row: Row): Promise<boolean>;
  /** False when the row was changed or deleted. */
  replace(row: Row, etag: string): Promise<boolean>;
  /** A repeat is harmless. */
  remove(partitionKey: string, rowKey: string): Promise<void>;
  /** All of one partition, in transactions; returns the row keys that could not be written as wished. */
  commit(actions: TransactionAction[]): Promise<string[]>;
  /** One transaction: all of it (true), or nothing because a condition failed (false). */
  commitWhole(actions: TransactionAction[]): Promise<boolean>;
}

export const inPartition = (partitionKey: string): string => odata`PartitionKey eq ${partitionKey}`;

/** The table is created at its first use: once per process, and a repeat by another one is harmless. */
export function openTable(connect: () => TableClient): Table {
  let ready: Promise<TableClient> | undefined;
  const client = (): Promise<TableClient> =>
    (ready ??= create(connect()).catch((error: unknown) => {
      ready = undefined;
      throw error;
    }));
  return {
    get: async (partitionKey, rowKey) => {
      const table = await client();
      return foundOrUndefined(async () => (await table.getEntity(partitionKey, rowKey)) as StoredRow);
    },
    list: async (filter, limit) => listRows(await client(), filter, limit),
    insert: async (row) => succeedsUnless([409], (await client()).createEntity(checkSizes(row))),
    replace: async (row, etag) =>
      succeedsUnless([404, 412], (await client()).updateEntity(checkSizes(row), 'Replace', { etag })),
    remove: async (partitionKey, rowKey) => {
      await succeedsUnless([404], (await client()).deleteEntity(partitionKey, rowKey));
    },
    commit: async (actions) => commit(await client(), actions),
    commitWhole: async (actions) => succeedsUnless([404, 409, 412], (await client()).submitTransaction(actions)),
  };
}

async function create(client: TableClient): Promise<TableClient> {
  await translated(() => client.createTable());
  return client;
}

/** The service answers at most 1000 rows a page. */
const PAGE = 1000;

async function listRows(client: TableClient, filter: string | undefined, limit = Infinity): Promise<StoredRow[]> {
  if (limit <= 0) return [];
  return translated(async () => {
    const rows: StoredRow[] = [];
    const pages = client.listEntities({ queryOptions: { filter } }).byPage({ maxPageSize: Math.min(PAGE, limit) });
    for await (const page of pages) {
      rows.push(...(page as StoredRow[]));
      if (rows.length >= limit) return rows.slice(0, limit);
    }
    return rows;
  });
}

async function succeedsUnless(statuses: number[], write: Promise<unknown>): Promise<boolean> {
  return translated(async () => {
    try {
      await write;
      return true;
    } catch (error) {
      if (isStatus(error, ...statuses)) return false;
      throw error;
    }
  });
}
