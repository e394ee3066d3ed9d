/** What runs on a cluster at an operator's wish, by kind. */
export type WorkloadKind = 'monitor' | 'replicated' | 'global' | 'stack' | 'registry' | 'manifest';

export interface WorkloadChange {
  name: string;
  kind: WorkloadKind;
  /** For kinds that have replicas; the kind's own number otherwise. */
  replicas?: number;
  /** The operator's own objects, YAML or JSON; only for `manifest`. May be anything up to the body limit, so it is never kept. */
  manifest?: string;
}

/** A workload as the engine has it now. */
export interface Workload {
  name: string;
  kind: WorkloadKind;
  /** Pods that should run and that run. */
  desired: number;
  ready: number;
  /** `Kind namespace/name` of its objects. */
  objects: string[];
  /** Why pods do not run, at most three, for a person. */
  problems: string[];
}
