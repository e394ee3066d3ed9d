import type { Verb } from './operation';

/** What the operator asked for, with every default filled in. One row of the registry; changed only by the API. */
export interface ClusterSpec {
  engine: Engine;
  location: string;
  /** Engine version, such as `v1.36.2+k3s1`. */
  version: string;
  masters: { count: 1 | 3 | 5; size: string };
  agents: AgentsSpec;
  ssh: { publicKey: string; port: number; from: string[] } | null;
  ingress: { from: string[] };
  storage: { shares: string[]; mountAt: string };
  chaos: ChaosSpec | null;
  /** What to do when somebody else changes the scale set: take it as the new wish, or undo it. */
  drift: 'adopt' | 'revert';
}

export type Engine = 'k3s' | 'swarm';

export interface AgentsSpec {
  count: number;
  min: number;
  max: number;
  size: string;
  priority: 'Regular' | 'Spot';
  /** US dollars an hour; -1 is up to the price of Regular. Only for Spot. */
  maxPrice: number;
  diskGiB: number;
  autoscale: { cpuAbovePercent: number; cpuBelowPercent: number } | null;
}

export interface ChaosSpec {
  armed: boolean;
  /** NCRONTAB with seconds. */
  schedule: string;
  /** IANA name. */
  timeZone: string;
  action: 'restart' | 'reimage' | 'deallocate' | 'delete' | 'evict';
  count: number;
}

/** `stored`: only the network and the storage are there. `stopped`: every VM is off because the operator wants it so. */
export type ClusterPhase = 'deploying' | 'ready' | 'degraded' | 'stopped' | 'stored' | 'deleting' | 'failed';

/** One row of the registry: the wish, and what is known of the whole. */
export interface ClusterRecord {
  name: string;
  spec: ClusterSpec;
  phase: ClusterPhase;
  /** Why the phase is degraded or failed; empty otherwise. */
  phaseReason: string;
  /** The running mutating operation. Claimed and released under the row's ETag: the cluster's only lock. */
  operation: string | null;
  /** Set by events, cleared by the reconcile that has looked since. */
  reconcileRequestedAt: string | null;
  endpoints: Endpoint[];
  /** Why automation could not bring the cluster to the number of agents that was asked for; empty otherwise. */
  shortage: string;
  /** What was asked for and no operation has brought to its end yet; absent when there is nothing. */
  unfinished?: Unfinished[];
  createdAt: string;
  updatedAt: string;
}

/** What an operation may leave half done that no repair brings about: only another operation does. */
export type Unfinished = 'template' | 'version' | 'size';

export interface Endpoint {
  name: string;
  fqdn: string;
  ports: number[];
}

/** What an operation leaves that broke off: half a deploy or a destroy is nothing that automation could mend. */
export const phaseAfterBreak = (phase: ClusterPhase): ClusterPhase =>
  phase === 'deploying' || phase === 'deleting' ? 'failed' : 'degraded';

/** An operation that ends well brings these about, one that breaks off leaves them unfinished. */
const BRINGS: Partial<Record<Verb, readonly Unfinished[]>> = {
  deploy: ['template'],
  converge: ['template', 'version', 'size'],
  upgrade: ['version'],
  resize: ['size'],
};

export const withFinished = (row: ClusterRecord, verb: Verb): ClusterRecord => ({
  ...row,
  unfinished: row.unfinished?.filter((each) => !BRINGS[verb]?.includes(each)),
});

export const withUnfinished = (row: ClusterRecord, begun: Unfinished[]): ClusterRecord => ({
  ...row,
  unfinished: [...new Set([...(row.unfinished ?? []), ...begun])],
});

/** The spec with another number of agents, kept within the limits that the operator set. */
export function withAgents(spec: ClusterSpec, count: number): ClusterSpec {
  const { min, max } = spec.agents;
  return { ...spec, agents: { ...spec.agents, count: Math.min(max, Math.max(min, count)) } };
}

/** Resource groups of a cluster; both carry the tag `starling-cluster`. */
export const computeGroup = (cluster: string): string => `${cluster}-compute`;
export const storageGroup = (cluster: string): string => `${cluster}-storage`;

export const CLUSTER_TAG = 'starling-cluster';
export const OWNER_TAG = 'starling-owner';
/** Value of OWNER_TAG: only groups that carry it are ever deleted. */
export const OWNER = 'starling';
export const SCALE_SET = 'agents';
export const CLUSTER_NAME = /^[a-z][a-z0-9-]{1,22}[a-z0-9]$/;

/** `agents_3`'s group or a group in any casing back to its cluster; undefined for groups that are not of a cluster. */
export function clusterOfGroup(group: string): string | undefined {
  const match = /^(.+)-(compute|storage)$/.exec(group.toLowerCase());
  return match?.[1] && CLUSTER_NAME.test(match[1]) ? match[1] : undefined;
}
