import type { ChaosReport } from '../model/chaos';
import type { ClusterRecord } from '../model/cluster';
import type { EventRecord } from '../model/event';
import type { NodeRecord, NodeRole } from '../model/node';
import type { OperationRecord } from '../model/operation';

/** A record together with the version that a conditional write compares. */
export interface Versioned<T> {
  record: T;
  etag: string;
}

/** Rows of clusters. Every write is conditional: `undefined`/false means that somebody else wrote first; read again. */
export interface ClusterStore {
  list(): Promise<ClusterRecord[]>;
  get(cluster: string): Promise<Versioned<ClusterRecord> | undefined>;
  /** False when the cluster exists already. */
  insert(record: ClusterRecord): Promise<boolean>;
  /** False when the row was changed or deleted since it was read. */
  replace(record: ClusterRecord, etag: string): Promise<boolean>;
  /** Deletes the row and every node row of the cluster; operations and events stay. A repeat is harmless. */
  remove(cluster: string): Promise<void>;
}

/** One row per VM, keyed by vmId. */
export interface NodeStore {
  /** All of the cluster, or those of one role: whoever needs only the masters does not read a thousand agents. */
  list(cluster: string, role?: NodeRole): Promise<Versioned<NodeRecord>[]>;
  get(cluster: string, vmId: string): Promise<Versioned<NodeRecord> | undefined>;
  insert(record: NodeRecord): Promise<boolean>;
  replace(record: NodeRecord, etag: string): Promise<boolean>;
  /**
   * Writes many rows in transactions of 100, each conditional on its etag (no etag: insert). Rows that somebody else
   * changed meanwhile are left out and returned as vmIds; the caller looks again at its next turn.
   */
  writeAll(rows: { record: NodeRecord; etag?: string }[]): Promise<{ conflicts: string[] }>;
  /** A repeat is harmless. */
  remove(cluster: string, vmIds: string[]): Promise<void>;
}

export interface OperationStore {
  get(id: string): Promise<Versioned<OperationRecord> | undefined>;
  /** Overwrites nothing: false when the id exists. */
  insert(record: OperationRecord): Promise<boolean>;
  replace(record: OperationRecord, etag: string): Promise<boolean>;
  /** Newest first. */
  listByCluster(cluster: string, limit: number): Promise<OperationRecord[]>;
  /** All that are still `running`, of all clusters. */
  listRunning(): Promise<OperationRecord[]>;
}

export interface EventStore {
  /** In transactions of 100; an event whose id exists already is left as it is. */
  append(events: EventRecord[]): Promise<void>;
  /** Oldest first, those after `since` (an event id or a time, exclusive). */
  list(cluster: string, query: { since?: string; limit: number }): Promise<EventRecord[]>;
}

/** Reports of chaos runs, one row a run, keyed by its operation's id; a dry run of the timer has an id of its own. */
export interface ChaosStore {
  /** Overwrites: a run writes its report again after each victim. A repeat is harmless. */
  put(report: ChaosReport): Promise<void>;
  get(key: Pick<ChaosReport, 'cluster' | 'id' | 'startedAt'>): Promise<ChaosReport | undefined>;
  /** Newest first. */
  list(cluster: string, limit: number): Promise<ChaosReport[]>;
}
