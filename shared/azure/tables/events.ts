import { odata, type TransactionAction } from '@azure/data-tables';
import type { EventRecord } from '../../model/event';
import type { EventStore } from '../../ports';
import { checkSizes, columnsOf, toJson, type Row, type StoredRow } from './rows';
import { inPartition, type Table } from './table';

/**
 * Row keys begin with a time, so that a range of keys is a range of time. An id that begins with one is the key as it is.
 * Any other (Event Grid's, delivered again at another time) gets the time of its first writing in front, and in the same
 * transaction a row `~<id>` that says where it went: a repeat fails on that row, and a reader finds the key by it.
 */
const BEGINS_WITH_TIME = /^\d{4}-\d\d-\d\dT/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;
/** Sorts behind every time, and behind everything that follows one. */
const BEHIND = '~';

export function createEventStore(table: Table): EventStore {
  return {
    async append(events) {
      const rows = events.map((event) => checkSizes(toRow(event)));
      for (const actions of byCluster(rows.filter(({ rowKey, id }) => rowKey === id))) await table.commit(actions);
      for (const row of rows.filter(({ rowKey, id }) => rowKey !== id)) {
        await table.commitWhole([
          ['create', toSignpost(row)],
          ['create', row],
        ]);
      }
    },
    async list(cluster, { since, limit }) {
      const after = since === undefined ? '' : await keyAfter(table, cluster, since);
      const filter = odata`RowKey gt ${after} and RowKey lt ${BEHIND}`;
      return (await table.list(`${inPartition(cluster)} and ${filter}`, limit)).map(toRecord);
    },
  };
}

/** An unknown id tells nothing about time: then all is after it, and the reader sees some events twice rather than none. */
async function keyAfter(table: Table, cluster: string, since: string): Promise<string> {
  if (TIME.test(since)) return `${toTime(since)}${BEHIND}`;
  if (BEGINS_WITH_TIME.test(since)) return since;
  const signpost = await table.get(cluster, `${BEHIND}${since}`);
  return signpost ? columnsOf(signpost).text('event') : '';
}

/** One list of actions per cluster; the same event twice in one call would fail the whole transaction. */
function byCluster(rows: Row[]): TransactionAction[][] {
  const clusters = new Map<string, Map<string, TransactionAction>>();
  for (const row of rows) {
    const actions = clusters.get(row.partitionKey) ?? new Map<string, TransactionAction>();
    clusters.set(row.partitionKey, actions.set(row.rowKey, ['create', row]));
  }
  return [...clusters.values()].map((actions) => [...actions.values()]);
}

const toTime = (at: string): string => new Date(at).toISOString();

const toSignpost = ({ partitionKey, rowKey, id }: Row): Row => ({
  partitionKey,
  rowKey: `${BEHIND}${id}`,
  event: rowKey,
});

function toRow(event: EventRecord): Row {
  return {
    partitionKey: event.cluster,
    rowKey: BEGINS_WITH_TIME.test(event.id) ? event.id : `${toTime(event.at)}_${event.id}`,
    cluster: event.cluster,
    id: event.id,
    at: event.at,
    type: event.type,
    subject: event.subject,
    cause: event.cause,
    message: event.message,
    data: toJson(event.data),
  };
}

function toRecord(row: StoredRow): EventRecord {
  const { text, json } = columnsOf(row);
  const data = json<EventRecord['data']>('data', undefined);
  return {
    cluster: text('cluster'),
    id: text('id'),
    at: text('at'),
    type: text('type'),
    subject: text('subject'),
    cause: text('cause'),
    message: text('message'),
    ...(data ? { data } : {}),
  };
}
