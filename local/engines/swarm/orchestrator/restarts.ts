import type { ServiceRecord, TaskRecord } from '../records';
import { createTask, desire, isOver, type Pass } from './pass';

/** Replaces tasks (swarmkit `manager/orchestrator/restart/restart.go`). */

const DELAY_MS = 5_000; // default of RestartPolicy.Delay
const OLD_TASK_MS = 60_000; // a replacement waits no longer for the end of the old task
const NANOSECONDS_PER_MS = 1e6;

/** The task is to end, and another one takes its place where the policy allows it. */
export function restart(pass: Pass, service: ServiceRecord, task: TaskRecord): void {
  desire(pass, task, 'shutdown');
  if (!mayRestart(task)) return;
  const node = pass.nodes.get(task.NodeID ?? '');
  const isDrained = node?.Spec.Availability === 'drain';
  const delayMs = (task.Spec.RestartPolicy?.Delay ?? DELAY_MS * NANOSECONDS_PER_MS) / NANOSECONDS_PER_MS;
  const waits = !isOver(task) && node !== undefined && node.Status.State !== 'down';
  createTask(pass, service, {
    ...(task.Slot === undefined ? { NodeID: task.NodeID } : { Slot: task.Slot }),
    DesiredState: 'ready',
    startAt: pass.now + (isDrained ? 0 : delayMs),
    attempts: (task.attempts ?? 0) + (isOver(task) ? 1 : 0),
    ...(waits && { after: task.ID }),
    ...(task.update !== undefined && { update: task.update }),
  });
}

/** What the service's policy says of a task that ended. */
export function mayRestart({ Spec: { RestartPolicy = {} }, Status, attempts = 0 }: TaskRecord): boolean {
  const { Condition = 'any', MaxAttempts = 0 } = RestartPolicy;
  if (Condition === 'none' || (Condition === 'on-failure' && Status.State === 'complete')) return false;
  return MaxAttempts === 0 || attempts < MaxAttempts;
}

/** Tasks that were made ahead of time start when their time has come. */
export function startWhenDue(pass: Pass, task: TaskRecord): void {
  if (task.DesiredState !== 'ready') return;
  const { startAt = pass.now } = task;
  if (startAt > pass.now) return pass.wakeAt(startAt);
  const old = pass.tasks.get(task.after ?? '');
  const node = pass.nodes.get(old?.NodeID ?? '');
  const isBlocked = old !== undefined && !isOver(old) && node !== undefined && node.Status.State !== 'down';
  if (!isBlocked || startAt + OLD_TASK_MS <= pass.now) desire(pass, task, 'running');
  else pass.wakeAt(startAt + OLD_TASK_MS);
}
