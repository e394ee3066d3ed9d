import type { TransactionAction } from '@azure/data-tables';
import { odata } from '@azure/data-tables';
import type { EventRecord } from '../../model/event';
import type { EventStore } from '../../ports';
import { checkSizes, columnsOf, toJson, type Row, type StoredRow } from './rows';
import { inPartition, type Table } from './table';

/**
 * Row keys begin with a time, so that a range of keys is a range of time: an id that begins with one is the key as it is, any
 * other gets the event's time in front. `~` sorts behind everything that follows a time.
 */
const AFTER = '~';
const BEGINS_WITH_TIME = /^\d{4}-\d\d-\d\dT/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

export function createEventStore(table: Table): EventStore {
  return {
    async append(events) {
      for (const actions of byCluster(events).values()) await table.commit(actions);
    },
    async list(cluster, { since, limit }) {
      const filter = inPartition(cluster);
      const after = since === undefined ? undefined : await keyAfter(table, cluster, since);
      const rows = await table.list(after === undefined ? filter : `${filter} and ${odata`RowKey gt ${after}`}`, limit);
      return rows.map(toRecord);
    },
  };
}

/** An unknown id tells nothing about time: then everything is after it, and the reader sees some events twice rather than none. */
async function keyAfter(table: Table, cluster: string, since: string): Promise<string | undefined> {
  if (TIME.test(since)) return `${toTime(since)}${AFTER}`;
  if (BEGINS_WITH_TIME.test(since)) return since;
  const [row] = await table.list(`${inPartition(cluster)} and ${odata`id eq ${since}`}`, 1);
  return row?.rowKey;
}

/** The same event twice in one call would fail the whole transaction. */
function byCluster(events: EventRecord[]): Map<string, TransactionAction[]> {
  const groups = new Map<string, Map<string, TransactionAction>>();
  for (const event of events) {
    const row = checkSizes(toRow(event));
    const group = groups.get(event.cluster) ?? new Map<string, TransactionAction>();
    groups.set(event.cluster, group.set(row.rowKey, ['create', row]));
  }
  return new Map([...groups].map(([cluster, group]) => [cluster, [...group.values()]]));
}

const toTime = (at: string): string => new Date(at).toISOString();

const rowKeyOf = ({ id, at }: EventRecord): string => (BEGINS_WITH_TIME.test(id) ? id : `${toTime(at)}_${id}`);

function toRow(event: EventRecord): Row {
  return {
    partitionKey: event.cluster,
    rowKey: rowKeyOf(event),
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
