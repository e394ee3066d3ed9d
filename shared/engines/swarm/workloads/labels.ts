import type { WorkloadKind } from '../../../model/workload';

/** On services and networks of a workload, and on its containers and volumes: the workload's name. */
export const WORKLOAD_LABEL = 'starling.workload';
export const KIND_LABEL = 'starling.kind';
/** On services: the change that wrote them last, and of how many services that change consists. */
export const MARK_LABEL = 'starling.mark';
export const PARTS_LABEL = 'starling.parts';
/** By which `docker stack` finds what belongs together. */
export const STACK_LABEL = 'com.docker.stack.namespace';
/** What rebalancing writes on a service, and an operator who forbids it: a change of the workload leaves both. */
export const KEPT_LABELS = ['starling.rebalance', 'starling.rebalanced'];

export type Labels = Record<string, string>;

/** Swarm has no namespaces: a workload's own names begin with its name, which has no underscore. */
export const nameIn = (workload: string, part: string): string => `${workload}_${part}`;

export const ownLabels = (workload: string): Labels => ({ [STACK_LABEL]: workload, [WORKLOAD_LABEL]: workload });

export interface WorkloadId {
  name: string;
  kind: WorkloadKind;
}

/** Undefined for what belongs to no workload. */
export function workloadOf(labels: Labels | undefined): WorkloadId | undefined {
  const { [WORKLOAD_LABEL]: name, [KIND_LABEL]: kind } = labels ?? {};
  return name && kind ? { name, kind: kind as WorkloadKind } : undefined;
}
