import { odata, type TransactionAction } from '@azure/data-tables';
import type { NodeRecord, NodeRole, NodeState } from '../../model/node';
import type { NodeStore, Versioned } from '../../ports';
import { checkSizes, columnsOf, type Row, type StoredRow } from './rows';
import { inPartition, type Table } from './table';

export function createNodeStore(table: Table): NodeStore {
  return {
    list: async (cluster, role) => (await table.list(inPartition(cluster) + ofRole(role))).map(toVersioned),
    async get(cluster, vmId) {
      const row = await table.get(cluster, vmId);
      return row && toVersioned(row);
    },
    insert: (record) => table.insert(toRow(record)),
    replace: (record, etag) => table.replace(toRow(record), etag),
    async writeAll(rows) {
      const conflicts: string[] = [];
      for (const [, ofCluster] of groupByCluster(rows))
        conflicts.push(...(await table.commit(ofCluster.map(toAction))));
      return { conflicts };
    },
    async remove(cluster, vmIds) {
      await table.commit([...new Set(vmIds)].map((rowKey) => ['delete', { partitionKey: cluster, rowKey }]));
    },
  };
}

const ofRole = (role: NodeRole | undefined): string => (role ? odata` and role eq ${role}` : '');

/** A transaction stays within one partition. */
function groupByCluster<T extends { record: NodeRecord }>(rows: T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) groups.set(row.record.cluster, [...(groups.get(row.record.cluster) ?? []), row]);
  return groups;
}

function toAction({ record, etag }: { record: NodeRecord; etag?: string }): TransactionAction {
  const row = checkSizes(toRow(record));
  return etag ? ['update', row, 'Replace', { etag }] : ['create', row];
}

const toVersioned = (row: StoredRow): Versioned<NodeRecord> => ({ record: toRecord(row), etag: row.etag });

/** Every field is a plain column of the same name. */
const toRow = (record: NodeRecord): Row => ({ partitionKey: record.cluster, rowKey: record.vmId, ...record });

function toRecord(row: StoredRow): NodeRecord {
  const { text, number, flag } = columnsOf(row);
  return {
    cluster: text('cluster'),
    vmId: text('vmId'),
    role: text('role') as NodeRole,
    instanceId: text('instanceId'),
    nodeName: text('nodeName'),
    state: text('state') as NodeState,
    generation: number('generation'),
    address: text('address'),
    since: text('since'),
    createdAt: text('createdAt'),
    awaitedSince: text('awaitedSince') || text('createdAt'), // rows of the first release lack it
    detail: text('detail'),
    ticketAttempt: number('ticketAttempt'),
    ticketExpiresAt: text('ticketExpiresAt'),
    registeredAt: text('registeredAt'),
    nodeUid: text('nodeUid'),
    goingDown: flag('goingDown'),
    repairs: number('repairs'),
  };
}
