import type { ClusterSpec } from '../model/cluster';
import type { Outcome } from '../model/errors';
import type { Workload, WorkloadChange } from '../model/workload';

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
  /** Starling has cordoned it, and has not given its work back; absent when it was an operator, or nobody. */
  isHeld?: boolean;
  isMaster: boolean;
  address: string;
  /** Since when it is (not) ready. */
  since: string;
  /** Of the engine on this node, such as `v1.36.2+k3s1`. */
  version: string;
  /** Changes with every boot of the machine. */
  bootId: string;
  /** An operator has labelled it so that chaos leaves it alone. */
  avoidsChaos: boolean;
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
  /** No new work on the node, and a mark that it was Starling; uncordon takes both away. False when there is no such node. */
  cordon(nodeName: string): Promise<boolean>;
  uncordon(nodeName: string): Promise<boolean>;
  /** One pass: asks every remaining pod to leave. Call again until none remains or the deadline has passed. */
  evict(nodeName: string): Promise<EvictionResult>;
  /** Deletes the node only while it has this uid, and its node password; true when it is gone afterwards. */
  removeNode(nodeName: string, uid: string): Promise<boolean>;
  /** Full token text for a ticket, from the engine's CA and the token. */
  formatToken(token: JoinToken): string;
  /** Work that should run and does not, anywhere: pods that wait for a node or for their start. */
  countPending(): Promise<number>;
  /**
   * Takes a master out of the engine's quorum, before its machine goes. `pending`: ask again. `absent`: it is no member.
   * Only ever called by an operator's operation.
   */
  removeMember(nodeName: string): Promise<'removed' | 'pending' | 'absent'>;
  /**
   * Spreads running work anew over all nodes, workload by workload, as a rolling restart. Leaves out what an operator has
   * labelled `starling.io/rebalance=never`, what has fewer than two replicas, and what is spread evenly already. `mark` tells
   * runs apart: the same mark
   * again restarts nothing twice. Returns `namespace/name` of what was restarted.
   */
  rebalance(mark: string): Promise<string[]>;
  /** Those of `namespace/name` whose new pods do not all run yet. */
  rollouts(names: string[]): Promise<string[]>;
  /** Makes or changes a workload. Refuses, with the engine's reason, what the engine refuses. A repeat is harmless. */
  applyWorkload(workload: WorkloadChange): Promise<Outcome<object>>;
  listWorkloads(): Promise<Workload[]>;
  /** WORKLOAD_NOT_FOUND, or INVALID_REQUEST when its kind has no number of replicas. */
  scaleWorkload(name: string, replicas: number): Promise<Outcome<object>>;
  /** Number of objects that are still there; 0 when it is gone. A repeat asks again. */
  removeWorkload(name: string): Promise<number>;
  /** Credential of an operator, as good as the cluster's administrator, for so long at most. */
  operatorToken(lifetimeMs: number): Promise<{ token: string; expiresAt: string }>;
}

export type ConnectEngine = (engine: ClusterSpec['engine'], access: EngineAccess) => EnginePort;
