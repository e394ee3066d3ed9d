import type { NodeObject } from '../objects';
import { meets, type ConstrainedNode } from './constraints';
import { isCurrent, type RunningService, type WorkloadTask } from './inventory';

/** Tasks that should run and that run in the form that was asked for last. */
export interface Rollout {
  desired: number;
  ready: number;
}

/** `tasks` are those of the service. */
export function rolloutOf(service: RunningService, tasks: WorkloadTask[], nodes: NodeObject[]): Rollout {
  const { Mode, TaskTemplate } = service.Spec;
  const places = nodes.filter(
    (node) => isOpen(node) && meets(described(node), TaskTemplate.Placement?.Constraints ?? []),
  );
  const running = tasks.filter(
    (task) => task.DesiredState === 'running' && task.Status.State === 'running' && isCurrent(task, service),
  );
  // Of a global service only tasks on nodes that take work: a paused node keeps its old one, and nobody waits for it.
  const counted = Mode?.Global ? running.filter(({ NodeID }) => places.some(({ ID }) => ID === NodeID)) : running;
  const desired = Mode?.Global ? places.length : (Mode?.Replicated?.Replicas ?? 1);
  const isWatched = service.UpdateStatus?.State === 'updating';
  return { desired, ready: Math.max(0, Math.min(counted.length, isWatched ? desired - 1 : desired)) };
}

const isOpen = ({ Status, Spec }: NodeObject): boolean => Status?.State === 'ready' && Spec.Availability === 'active';

const described = ({ ID, Spec, Description = {} }: NodeObject): ConstrainedNode => ({
  ID,
  Spec: { Role: Spec.Role, Labels: Spec.Labels ?? {} },
  Description: { ...Description, Engine: { Labels: Description.Engine?.Labels ?? {} } },
});

export const isDone = ({ desired, ready }: Rollout): boolean => ready >= desired;
