import type { ErrorCode } from '../../model/errors';
import { clusterOfOperation, type OperationRecord, type OperationState, type Verb } from '../../model/operation';
import type { OperationStore, Versioned } from '../../ports';
import { checkSizes, columnsOf, orAbsent, toJson, type Row, type StoredRow } from './rows';
import { inPartition, type Table } from './table';

/**
 * Three kinds of rows in one table:
 * - the operation: partition = cluster, row key = id;
 * - its place in time: same partition, row key = `~<time counted down>~<id>`, written in one transaction with the operation,
 *   so that the newest are read first without the rest (`~` sorts behind every id);
 * - while it runs: partition `~running` (no cluster has such a name), row key = id, so that a timer finds what runs by
 *   reading what runs. Written before the operation and deleted after its end: a crash leaves at most a row too many,
 *   which the next listing clears away.
 */
const RUNNING = '~running';
const TIME_PREFIX = '~';
/** Counting down from here sorts the newest first; 13 digits last until the year 2286. */
const END_OF_TIME_MS = 9_999_999_999_999;
/** An index row younger than this may belong to an insert that has not come to its second step. */
const INSERT_MAY_LAST_MS = 10 * 60_000;

export function createOperationStore(table: Table): OperationStore {
  const get = async (id: string): Promise<Versioned<OperationRecord> | undefined> => {
    const row = await table.get(clusterOfOperation(id), id);
    return row && { record: toRecord(row), etag: row.etag };
  };
  return {
    get,
    async insert(record) {
      const row = checkSizes(toRow(record));
      if (record.state === 'running') await table.insert(toRunning(record));
      return table.commitWhole([
        ['create', row],
        ['create', toPlace(record)],
      ]);
    },
    async replace(record, etag) {
      const replaced = await table.replace(toRow(record), etag);
      if (replaced && record.state !== 'running') await table.remove(RUNNING, record.id);
      return replaced;
    },
    async listByCluster(cluster, limit) {
      const places = await table.list(`${inPartition(cluster)} and RowKey ge '${TIME_PREFIX}'`, limit);
      return present(await Promise.all(places.map((place) => get(columnsOf(place).text('id')))));
    },
    async listRunning() {
      const rows = await table.list(inPartition(RUNNING));
      const running = await Promise.all(rows.map((row) => readRunning(table, row, get)));
      return present(running);
    },
  };
}

async function readRunning(
  table: Table,
  row: StoredRow,
  get: OperationStore['get'],
): Promise<Versioned<OperationRecord> | undefined> {
  const { text } = columnsOf(row);
  const found = await get(text('id'));
  if (found?.record.state === 'running') return found;
  if (found || Date.now() - Date.parse(text('startedAt')) > INSERT_MAY_LAST_MS) await table.remove(RUNNING, text('id'));
  return undefined;
}

const present = (found: (Versioned<OperationRecord> | undefined)[]): OperationRecord[] =>
  found.flatMap((versioned) => (versioned ? [versioned.record] : []));

function toPlace({ cluster, id, startedAt }: OperationRecord): Row {
  const countdown = String(END_OF_TIME_MS - Date.parse(startedAt)).padStart(13, '0');
  return { partitionKey: cluster, rowKey: `${TIME_PREFIX}${countdown}~${id}`, id };
}

const toRunning = ({ id, startedAt }: OperationRecord): Row => ({ partitionKey: RUNNING, rowKey: id, id, startedAt });

function toRow(record: OperationRecord): Row {
  return {
    partitionKey: record.cluster,
    rowKey: record.id,
    id: record.id,
    cluster: record.cluster,
    verb: record.verb,
    state: record.state,
    phase: record.phase,
    progressDone: record.progress.done,
    progressTotal: record.progress.total,
    progressUnit: record.progress.unit,
    startedAt: record.startedAt,
    endedAt: orAbsent(record.endedAt),
    errorCode: record.error?.code,
    errorMessage: record.error?.message,
    cancelRequested: record.cancelRequested,
    input: toJson(record.input),
    result: toJson(record.result),
  };
}

function toRecord(row: StoredRow): OperationRecord {
  const { text, orNull, number, flag, json } = columnsOf(row);
  const code = orNull('errorCode');
  return {
    id: text('id'),
    cluster: text('cluster'),
    verb: text('verb') as Verb,
    state: text('state') as OperationState,
    phase: text('phase'),
    progress: { done: number('progressDone'), total: number('progressTotal'), unit: text('progressUnit') },
    startedAt: text('startedAt'),
    endedAt: orNull('endedAt'),
    error: code ? { code: code as ErrorCode, message: text('errorMessage') } : null,
    result: json<unknown>('result', null),
    cancelRequested: flag('cancelRequested'),
    input: json<unknown>('input', null),
  };
}
