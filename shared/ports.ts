import type { ClusterRecord, ClusterSpec } from './model/cluster';
import type { EventRecord } from './model/event';
import type { Outcome } from './model/errors';
import type { NodeRecord, NodeRole } from './model/node';
import type { OperationRecord } from './model/operation';

/**
 * What Starling needs of the world. Adapters throw `AppError` for what a retry may cure (`AZURE_UNAVAILABLE`,
 * `ENGINE_UNREACHABLE`) or nobody can (`AZURE_DENIED`, `INTERNAL`); an expected "no" is returned as an `Outcome`.
 * Times are ISO 8601 UTC, durations milliseconds.
 */

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
  list(cluster: string): Promise<Versioned<NodeRecord>[]>;
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

/** Azure's view of one VM of a cluster. */
export interface Machine {
  vmId: string;
  role: NodeRole;
  /** Instance id of an agent, name of a master. */
  instanceId: string;
  /** Guest host name, where Azure told it. */
  computerName: string;
  /** Azure resource id, as Azure spells it. */
  resourceId: string;
  provisioning: 'creating' | 'updating' | 'succeeded' | 'failed' | 'deleting';
  power: 'unknown' | 'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated';
  createdAt: string;
  address: string;
  /** Azure's code and message when provisioning failed. */
  failure?: { code: string; message: string };
}

export interface ScaleSet {
  capacity: number;
  etag: string;
  provisioning: Machine['provisioning'];
}

/** A long-running operation that was begun; `poller` is small plain JSON without secrets, safe in a Durable history. */
export interface Begun {
  poller: string;
}

export type LongRunning =
  | { state: 'running'; retryAfterMs: number }
  | { state: 'succeeded' }
  /** `code` is Starling's; `message` holds Azure's own code and text. */
  | {
      state: 'failed';
      code: 'QUOTA_EXCEEDED' | 'CAPACITY_UNAVAILABLE' | 'SCALE_SET_CONFLICT' | 'DEPLOYMENT_FAILED';
      message: string;
    };

export interface ResourceProgress {
  name: string;
  type: string;
  state: 'running' | 'succeeded' | 'failed';
  code?: string;
  message?: string;
}

export interface Deployment {
  state: 'running' | 'succeeded' | 'failed';
  parameters: unknown;
  outputs: Record<string, unknown>;
  /** Why it failed. */
  code?: 'QUOTA_EXCEEDED' | 'CAPACITY_UNAVAILABLE' | 'DEPLOYMENT_FAILED';
  message?: string;
}

/** Azure Resource Manager. Calls are few: their number does not grow with the nodes, except for pages and batches. */
export interface Cloud {
  /** Is there quota for these cores in this location? One call. */
  checkQuota(need: { location: string; sizes: { size: string; count: number }[] }): Promise<Outcome<object>>;
  /**
   * Creates or finds both groups, tagged. Refuses with NAME_TAKEN when one exists without Starling's tags; throws
   * AZURE_UNAVAILABLE while one is still being deleted. A repeat is harmless.
   */
  ensureGroups(cluster: string, location: string): Promise<Outcome<object>>;
  /** Submits the template (incremental, so a repeat converges). Refuses what Azure rejects at once. */
  beginDeployment(cluster: string, template: unknown, parameters: unknown): Promise<Outcome<object>>;
  getDeployment(cluster: string): Promise<Deployment | undefined>;
  /** The template as it was submitted; undefined before that. */
  getTemplate(cluster: string): Promise<unknown>;
  /** Every resource of the deployment, nested ones included; empty before Azure began. */
  listDeploymentOperations(cluster: string): Promise<ResourceProgress[]>;
  /** Masters, then agents; deleted ones are absent. Two calls, one per master, one per further page. Empty when the group is not there. */
  listMachines(cluster: string): Promise<Machine[]>;
  /** One instance or master by its id, undefined when Azure does not know it. One call. */
  getMachine(cluster: string, role: NodeRole, instanceId: string): Promise<Machine | undefined>;
  getScaleSet(cluster: string): Promise<ScaleSet | undefined>;
  /** Conditional on the etag just read; SCALE_SET_CONFLICT means read again. */
  setCapacity(cluster: string, capacity: number, etag: string): Promise<Outcome<Begun>>;
  /**
   * Deletes exactly these instances (1 to 1000, in batches of 100) and lowers capacity by as many. Unknown ids are left
   * out. A conflict in a later batch refuses the whole although earlier batches were begun; repeating it is safe.
   */
  deleteAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  /** Power on, or restart; an empty list is a bug and throws. */
  startAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  restartAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  startMaster(cluster: string, name: string): Promise<Outcome<Begun>>;
  poll(poller: string): Promise<LongRunning>;
  /** Begins to delete the group when it carries Starling's tags for this cluster; `absent` when it is not there (also after deletion). */
  deleteGroup(cluster: string, group: string): Promise<'begun' | 'absent' | 'foreign'>;
  groupExists(group: string): Promise<boolean>;
  /** Ids of everything in the subscription tagged with the cluster, resource groups included. */
  listTagged(cluster: string): Promise<string[]>;
}

/** Key Vault. */
export interface Vault {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
  /** Deletes and purges; a repeat, or a name that is not there, is harmless. */
  remove(name: string): Promise<void>;
}

/** How to reach the engine of one cluster: told by master0, kept in the vault. */
export interface EngineAccess {
  /** `https://<fqdn>:6443` */
  endpoint: string;
  /** The other masters, in the same form: asked in turn while the first does not answer. */
  others?: string[];
  caPem: string;
  credential: string;
}

/** The engine's view of a machine. */
export interface EngineNode {
  name: string;
  uid: string;
  ready: boolean;
  schedulable: boolean;
  isMaster: boolean;
  address: string;
  /** Since when it is (not) ready. */
  since: string;
}

export interface JoinToken {
  /** Public part, six characters. */
  id: string;
  /** Secret part, sixteen characters. */
  secret: string;
  expiresAt: string;
}

export interface EvictionResult {
  /** Pods that still run on the node and matter (no DaemonSet, mirror or finished pods). */
  remaining: number;
  /** `namespace/name: reason` of pods that may not be evicted now. */
  blocked: string[];
}

/** One engine (k3s or Swarm). Throws ENGINE_UNREACHABLE when no master answers. A repeat of any call is harmless. */
export interface EnginePort {
  listNodes(): Promise<EngineNode[]>;
  /** One node; undefined when the engine does not know it. */
  getNode(nodeName: string): Promise<EngineNode | undefined>;
  /** Makes the token good for joining agents until it expires. */
  admitToken(token: JoinToken): Promise<void>;
  revokeTokens(ids: string[]): Promise<void>;
  /** No new work on the node. False when there is no such node. */
  cordon(nodeName: string): Promise<boolean>;
  uncordon(nodeName: string): Promise<boolean>;
  /** One pass: asks every remaining pod to leave. Call again until none remains or the deadline has passed. */
  evict(nodeName: string): Promise<EvictionResult>;
  /** Deletes the node only while it has this uid, and its node password; true when it is gone afterwards. */
  removeNode(nodeName: string, uid: string): Promise<boolean>;
  /** Full token text for a ticket, from the engine's CA and the token. */
  formatToken(token: JoinToken): string;
}

export type ConnectEngine = (engine: ClusterSpec['engine'], access: EngineAccess) => EnginePort;

/** Proof that the caller is a certain VM. */
export interface Attestation {
  verify(proof: { claims: string; attestation: string }): Promise<Outcome<{ vmId: string }>>;
}

/** Derives the token of a ticket, always the same for the same arguments, from a key that only the vault holds. */
export interface TokenMint {
  /** Makes the cluster's key when there is none. A repeat is harmless. */
  prepare(cluster: string): Promise<void>;
  derive(ticket: {
    cluster: string;
    vmId: string;
    generation: number;
    attempt: number;
  }): Promise<{ id: string; secret: string }>;
  /** What masters join with: one per cluster, made with `prepare`, given to attested masters only. */
  serverToken(cluster: string): Promise<string>;
}

/** The global halt of automation. */
export interface Halt {
  halted: boolean;
  reason: string;
  /** When it was last moved; empty when never. */
  since: string;
}

export interface HaltLever {
  read(): Promise<Halt>;
  set(halt: Halt): Promise<void>;
}

/** What is submitted to Azure for a cluster: pure, so the same row gives the same template. Holds no secret. */
export type RenderDeployment = (cluster: ClusterRecord) => {
  template: unknown;
  parameters: Record<string, { value: unknown }>;
};

/** Orchestrations, as the functions see them. */
export interface Orchestrator {
  /** `exists` when one with this id is pending or running already. */
  start(name: string, id: string, input: unknown): Promise<'started' | 'exists'>;
  status(id: string): Promise<'absent' | 'running' | 'ended'>;
  /** Ends it wherever it stands; a repeat, or one that has ended, is harmless. */
  terminate(id: string, reason: string): Promise<void>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Everything that activities and functions may use. Made once, in the composition root. */
export interface World {
  clusters: ClusterStore;
  nodes: NodeStore;
  operations: OperationStore;
  events: EventStore;
  cloud: Cloud;
  vault: Vault;
  connectEngine: ConnectEngine;
  attestation: Attestation;
  mint: TokenMint;
  halt: HaltLever;
  renderDeployment: RenderDeployment;
  /** Makes DNS names unique per subscription. */
  uniqueSuffix: (cluster: string) => string;
  clock: Clock;
}
