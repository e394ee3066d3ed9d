/** What runs on a cluster at an operator's wish, by kind. */
export type WorkloadKind = 'monitor' | 'replicated' | 'global' | 'stack' | 'registry' | 'manifest';

/** Kinds of which a cluster has one, named as the kind: the one is known by name to the engine's rights, the other has one port. */
export const SINGLE_KINDS: readonly WorkloadKind[] = ['monitor', 'registry'];

/**
 * Whether the name belongs to another kind: who runs in the monitor's namespace may look at the whole cluster, so nothing
 * else may run there.
 */
export const isReserved = ({ name, kind }: { name: string; kind: WorkloadKind }): boolean =>
  name !== kind && (SINGLE_KINDS as readonly string[]).includes(name);

/** Kinds that have a number of replicas. */
export const SCALABLE_KINDS: readonly WorkloadKind[] = ['replicated', 'stack'];

export interface WorkloadChange {
  name: string;
  kind: WorkloadKind;
  /** For kinds that have replicas; the kind's own number otherwise. */
  replicas?: number;
  /** The operator's own objects, YAML or JSON; only for `manifest`. May be anything up to the body limit, so it is never kept. */
  manifest?: string;
  /** Path on every node of each share of the cluster, by the share's name. */
  shares?: Record<string, string>;
  /** Tells this change from others: the operation's id. */
  mark?: string;
}

/** A workload as the engine has it now. */
export interface Workload {
  name: string;
  kind: WorkloadKind;
  /** Pods that should run and that run, in the form that was asked for last. */
  desired: number;
  ready: number;
  /** Its objects: `Kind namespace/name`, or `Kind name` where the engine has no namespaces. */
  objects: string[];
  /** Ports of every node that lead to it; absent where it is found by a path instead. */
  ports?: number[];
  /** Why pods do not run, at most three, for a person. */
  problems: string[];
  /** Of the last change that was made to its end. */
  mark?: string;
}
