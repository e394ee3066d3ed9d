import { isDeepStrictEqual } from 'node:util';
import type { NetworkInspectInfo, Service } from 'dockerode';
import type { SwarmClient } from '../connection';
import type { TaskObject } from '../objects';
import type { WorkloadService } from './compose/service-spec';
import { WORKLOAD_LABEL, workloadOf, type Labels } from './labels';

/** A service as the API shows it. */
export type RunningService = Omit<Service, 'Spec' | 'Version'> & { Spec: WorkloadService; Version: { Index: number } };

/** A task with what tells whose it is, and of which form. */
export type WorkloadTask = TaskObject & {
  Spec: { ContainerSpec?: { Image?: string; Labels?: Labels | null }; Placement?: unknown };
};

export const listServices = (client: SwarmClient): Promise<RunningService[]> =>
  client.listServices() as Promise<RunningService[]>;

/** All of the swarm: a filter by a service that has gone meanwhile would be refused. */
export const listTasks = (client: SwarmClient): Promise<WorkloadTask[]> => client.listTasks();

/** The swarm's; those of one daemon alone are of no use to a service. */
export const listNetworks = (client: SwarmClient): Promise<NetworkInspectInfo[]> =>
  client.listNetworks({ filters: { driver: ['overlay'] } });

export const isOf = (workload: string, labels: Labels | null | undefined): boolean =>
  workloadOf(labels ?? undefined)?.name === workload;

/** Of a task whose service may be gone: containers have no label of their kind. */
export const isTaskOf = (workload: string, { Spec }: WorkloadTask): boolean =>
  Spec.ContainerSpec?.Labels?.[WORKLOAD_LABEL] === workload;

/**
 * Whether the task is of the form that was asked for last. Swarm leaves tasks where they are when only their places change, and
 * fills in the runtime of services alone (seen with Docker 20.10).
 */
export function isCurrent({ Spec: task }: WorkloadTask, { Spec }: RunningService): boolean {
  const form = (spec: object): object => ({ ...spec, Placement: undefined, Runtime: undefined });
  return isDeepStrictEqual(form(task), form(Spec.TaskTemplate));
}
