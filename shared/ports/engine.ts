import type { ClusterRecord } from '../model/cluster';
import type { Outcome } from '../model/errors';
import type { Workload, WorkloadChange } from '../model/workload';

/** How to reach the engine through one master, as that master has reported it; kept in the vault. */
export interface EngineAccess {
  /** `https://<fqdn>:<port>` */
  endpoint: string;
  /** The other masters for which the same holds, in the same form: asked in turn while the first does not answer. */
  others?: string[];
  caPem: string;
  /** k3s: a bearer token. Swarm: a client certificate and its key, both PEM, in this order. */
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
  /** It has joined, and no machine of the cluster has said that it is this one; absent where tickets name nodes. */
  isUnclaimed?: boolean;
}

/** A machine, attested, says which node of the engine it is. */
export interface NodeClaim {
  /** The node's id in the engine. */
  id: string;
  /** The name that it is to have, and where it must be reached from. */
  nodeName: string;
  address: string;
  vmId: string;
  bootId: string;
  isMaster: boolean;
  labels: Record<string, string>;
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

/** What was restarted to spread it anew. */
export interface Rebalancing {
  /** All with this mark: `namespace/name`, in Swarm the service's name. */
  restarted: string[];
  /** Something else comes once these run again: then ask again with the same mark. Absent where all restart beside each other. */
  goesOn?: boolean;
}

/** One engine (k3s or Swarm). Throws ENGINE_UNREACHABLE when no master answers. A repeat of any call is harmless. */
export interface EnginePort {
  listNodes(): Promise<EngineNode[]>;
  /** One node; undefined when the engine does not know it. */
  getNode(nodeName: string): Promise<EngineNode | undefined>;
  /** Makes the token good for joining agents until it expires, and returns the text for the ticket: where the engine has a token of its own, that. */
  admitToken(token: JoinToken): Promise<string>;
  /** What a master joins with; `given` is the one that Starling made, for engines that take it. */
  masterToken(given: string): Promise<string>;
  /**
   * After every look: these tokens have served. A token that nodes share is changed once nobody waits with it any more
   * (`isAwaited`), or when it is too old; nodes that have joined are not affected.
   */
  endTokens(served: string[], isAwaited: boolean): Promise<void>;
  /** At once; where nodes share a token, for all that wait. */
  revokeTokens(ids: string[]): Promise<void>;
  /**
   * Gives a node the name of its ticket, and work. Refuses with CLAIMS_MISMATCH what is no node of that address and role, and
   * a name that another node has which is ready; one that is not ready is removed. Where tickets name nodes there is nothing to do.
   */
  claimNode(claim: NodeClaim): Promise<Outcome<object>>;
  /** No new work on the node, and a mark that it was Starling; uncordon takes both away. False when there is no such node. */
  cordon(nodeName: string): Promise<boolean>;
  uncordon(nodeName: string): Promise<boolean>;
  /** One pass: asks every remaining pod to leave. Call again until none remains or the deadline has passed. */
  evict(nodeName: string): Promise<EvictionResult>;
  /** Deletes the node only while it has this uid, and its node password; true when it is gone afterwards. */
  removeNode(nodeName: string, uid: string): Promise<boolean>;
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
   * again restarts nothing twice.
   */
  rebalance(mark: string): Promise<Rebalancing>;
  /** Those of the names that `rebalance` returned whose new pods or tasks do not all run yet. */
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

/** Engines of clusters, reached the way that their masters have reported. */
export interface Engines {
  /** Of those masters that have reported, master0 first; empty before the first report. */
  reports(cluster: ClusterRecord): Promise<EngineAccess[]>;
  /** Keeps what a master (`master1`) reports. A repeat replaces it. */
  keep(cluster: ClusterRecord, master: string, report: EngineAccess): Promise<void>;
  /** Names of the secrets in which reports are kept. */
  secretNames(cluster: ClusterRecord): string[];
  /** Undefined without reports. Nothing is asked before the first call. */
  connect(cluster: ClusterRecord, reports: EngineAccess[]): EnginePort | undefined;
  /** Both in one: undefined before the first report. */
  of(cluster: ClusterRecord): Promise<EnginePort | undefined>;
}
