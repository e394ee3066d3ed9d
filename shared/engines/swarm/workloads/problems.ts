import type { RunningService, WorkloadTask } from './inventory';

/** More would say no more. */
const MAX_PROBLEMS = 3;
const FAILED: ReadonlySet<string> = new Set(['failed', 'rejected', 'orphaned']);

interface Problem {
  reason: string;
  text: string;
}

/** Of services that do not run as they should: why, the same reason once. Sample: `shop_web.1: rejected: No such image: a:1`. */
export function problemsOf(services: { service: RunningService; tasks: WorkloadTask[] }[]): string[] {
  const found = services.flatMap(({ service, tasks }) => [...stopped(service), ...waiting(service, tasks)]);
  const first = new Map(found.map(({ reason, text }) => [reason, text]).reverse() as [string, string][]);
  return [...first.values()].reverse().slice(0, MAX_PROBLEMS);
}

/** Swarm has given up on an update: `update paused due to failure or early termination of task x`. */
function stopped({ Spec, UpdateStatus }: RunningService): Problem[] {
  if (UpdateStatus?.State !== 'paused') return [];
  const { Message: reason = 'the update was stopped' } = UpdateStatus;
  return [{ reason, text: `${Spec.Name}: ${reason}` }];
}

/** The last word about each place that has no running task. */
function waiting({ Spec }: RunningService, tasks: WorkloadTask[]): Problem[] {
  const places = new Map<string, WorkloadTask[]>();
  for (const task of tasks) {
    const place = `${task.Slot ?? task.NodeID ?? ''}`;
    places.set(place, [...(places.get(place) ?? []), task]);
  }
  return [...places].flatMap(([place, all]) => {
    if (all.some(({ Status, DesiredState }) => Status.State === 'running' && DesiredState === 'running')) return [];
    const told = all
      .filter(({ Status, DesiredState }) => Status.Err && (FAILED.has(Status.State) || DesiredState === 'running'))
      .sort((a, b) => b.CreatedAt.localeCompare(a.CreatedAt))[0];
    if (!told) return [];
    const { State, Err = '' } = told.Status;
    return [{ reason: `${Spec.Name} ${Err}`, text: `${Spec.Name}.${place}: ${State}: ${Err}` }];
  });
}
