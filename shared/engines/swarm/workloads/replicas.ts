import type { ServiceSpec } from 'dockerode';
import { SCALABLE_KINDS, type WorkloadKind } from '../../../model/workload';
import { nameIn } from './labels';

/** The service whose replicas are those of the workload; undefined for kinds that have none. */
export const scaledService = (workload: string, kind: WorkloadKind): string | undefined =>
  SCALABLE_KINDS.includes(kind) ? nameIn(workload, 'web') : undefined;

/** With so many tasks, of which an update takes a quarter at a time. */
export const withReplicas = <T extends ServiceSpec>(spec: T, replicas: number): T => ({
  ...spec,
  Mode: { Replicated: { Replicas: replicas } },
  ...(spec.UpdateConfig && {
    UpdateConfig: { ...spec.UpdateConfig, Parallelism: Math.max(1, Math.ceil(replicas / 4)) },
  }),
});
