import type { TransactionAction } from '@azure/data-tables';
import type { ClusterPhase, ClusterRecord, ClusterSpec, Endpoint, Unfinished } from '../../model/cluster';
import type { ClusterStore } from '../../ports';
import { columnsOf, orAbsent, toJson, type Row, type StoredRow } from './rows';
import { inPartition, type Table } from './table';

/** The only row of a cluster's partition. */
const ROW_KEY = 'cluster';

export function createClusterStore(clusters: Table, nodes: Table): ClusterStore {
  return {
    list: async () => (await clusters.list(undefined)).map(toRecord),
    async get(cluster) {
      const row = await clusters.get(cluster, ROW_KEY);
      return row && { record: toRecord(row), etag: row.etag };
    },
    insert: (record) => clusters.insert(toRow(record)),
    replace: (record, etag) => clusters.replace(toRow(record), etag),
    /** Nodes first: a crash in between leaves the cluster's row, so that a repeat finds the rest. */
    async remove(cluster) {
      const rows = await nodes.list(inPartition(cluster));
      await nodes.commit(rows.map(toDeletion));
      await clusters.remove(cluster, ROW_KEY);
    },
  };
}

const toDeletion = ({ partitionKey = '', rowKey = '' }: StoredRow): TransactionAction => [
  'delete',
  { partitionKey, rowKey },
];

function toRow(record: ClusterRecord): Row {
  return {
    partitionKey: record.name,
    rowKey: ROW_KEY,
    name: record.name,
    spec: toJson(record.spec),
    phase: record.phase,
    phaseReason: record.phaseReason,
    operation: orAbsent(record.operation),
    reconcileRequestedAt: orAbsent(record.reconcileRequestedAt),
    endpoints: toJson(record.endpoints),
    shortage: record.shortage,
    unfinished: toJson(record.unfinished ?? []),
    createdAt: record.createdAt,
    updatedAt: record.updatedAt,
  };
}

const unfinishedOf = (unfinished: Unfinished[]): Pick<ClusterRecord, 'unfinished'> =>
  unfinished.length > 0 ? { unfinished } : {};

function toRecord(row: StoredRow): ClusterRecord {
  const { text, orNull, json } = columnsOf(row);
  return {
    name: text('name'),
    spec: json('spec', {} as ClusterSpec),
    phase: text('phase') as ClusterPhase,
    phaseReason: text('phaseReason'),
    operation: orNull('operation'),
    reconcileRequestedAt: orNull('reconcileRequestedAt'),
    endpoints: json<Endpoint[]>('endpoints', []),
    shortage: text('shortage'),
    ...unfinishedOf(json<Unfinished[]>('unfinished', [])),
    createdAt: text('createdAt'),
    updatedAt: text('updatedAt'),
  };
}
