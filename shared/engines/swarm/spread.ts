import { isMaster, isReady } from './nodes';
import type { NodeObject, ServiceObject, TaskObject } from './objects';
import { meets } from './workloads/constraints';

/** Numbers of tasks on two nodes that differ by one are as even as they get. */
const UNEVEN = 2;

/** Whether a restart may move tasks of the service: the numbers on two nodes that may hold them differ by two or more. */
export function isUneven(service: ServiceObject, nodes: NodeObject[], tasks: TaskObject[]): boolean {
  const own = tasks.filter(({ ServiceID, Status }) => ServiceID === service.ID && Status.State === 'running');
  const counts = nodes
    .filter((node) => mayHold(node, service))
    .map(({ ID }) => own.filter(({ NodeID }) => NodeID === ID).length);
  return counts.length > 1 && Math.max(...counts) - Math.min(...counts) >= UNEVEN;
}

/** Agents that take work, as far as its constraints tell; not what it needs of memory and the like. */
function mayHold(node: NodeObject, { Spec }: ServiceObject): boolean {
  const takesWork = isReady(node) && node.Spec.Availability === 'active' && !isMaster(node);
  return takesWork && meets(node, Spec.TaskTemplate.Placement?.Constraints ?? []);
}

/** What is one alone, or on every node, cannot be spread better. */
export const isSpreadable = ({ Spec }: ServiceObject): boolean => replicasOf(Spec) >= UNEVEN;

/** Zero for services of another mode; one is what the API means by no number. */
export const replicasOf = ({ Mode }: ServiceObject['Spec']): number =>
  Mode?.Replicated ? (Mode.Replicated.Replicas ?? 1) : 0;
