import { isDeepStrictEqual } from 'node:util';
import { meets } from '../constraints';
import type { ServiceRecord, TaskRecord, TaskSpec, UpdateStatus } from '../records';
import { at, createTask, desire, isWanted, tasksOf, type Pass } from './pass';

/** Rolling updates (swarmkit `manager/orchestrator/update/updater.go`), from what the tasks themselves tell. */

const MONITOR_MS = 5_000; // default of UpdateConfig.Monitor
const NANOSECONDS_PER_MS = 1e6;

/** The tasks that are wanted in one slot of a replicated service, or on one node for a global one. */
export type Slot = TaskRecord[];

/** Made for a spec that the service no longer has. Where only the placement changed and its node suits it still, it stays. */
export function isDirty(pass: Pass, { Spec }: ServiceRecord, task: TaskRecord): boolean {
  const [wanted, has] = [Spec.TaskTemplate, task.Spec];
  if (isDeepStrictEqual(wanted, has)) return false;
  const node = pass.nodes.get(task.NodeID ?? '');
  const rest = ({ Placement: _, ...others }: TaskSpec): object => others;
  return !node || !meets(node, wanted.Placement?.Constraints) || !isDeepStrictEqual(rest(wanted), rest(has));
}

const millis = (nanoseconds: number | undefined, otherwise: number): number =>
  nanoseconds === undefined ? otherwise : nanoseconds / NANOSECONDS_PER_MS;

/** Takes as many slots as may be under way at once; the rest waits. */
export function update(pass: Pass, service: ServiceRecord, slots: Slot[]): void {
  const dirty = slots.filter((slot) => slot.some((task) => isDirty(pass, service, task)));
  const { UpdateStatus: status } = service;
  if (status?.State === 'paused' || (status?.State !== 'updating' && dirty.length === 0)) return;
  if (status?.State !== 'updating') return void begin(pass, service);
  const failed = firstFailure(pass, service, status);
  if (failed) return void pause(pass, service, status, failed);
  const busy = busySlots(pass, service, slots);
  const untouched = dirty.filter((slot) => !slot.some((task) => task.update === status.StartedAt));
  const parallelism = service.Spec.UpdateConfig?.Parallelism ?? 1;
  const free = parallelism === 0 ? untouched.length : Math.max(0, parallelism - busy);
  for (const slot of untouched.slice(0, free)) replace(pass, service, { slot, update: status.StartedAt });
  if (dirty.length === 0 && busy === 0) complete(pass, service, status);
}

function begin({ objects, now, wakeAt }: Pass, { ID }: ServiceRecord): void {
  const StartedAt = new Date(now).toISOString();
  objects.services.change(ID, { UpdateStatus: { State: 'updating', StartedAt, Message: 'update in progress' } });
  wakeAt(now);
}

function complete(pass: Pass, service: ServiceRecord, status: UpdateStatus): void {
  const monitorMs = millis(service.Spec.UpdateConfig?.Monitor, MONITOR_MS);
  const ended = made(pass, service, status).map(({ Status }) => Date.parse(Status.Timestamp));
  const doneAt = Math.max(Date.parse(status.StartedAt), ...ended) + monitorMs;
  if (doneAt > pass.now) return pass.wakeAt(doneAt);
  const CompletedAt = new Date(pass.now).toISOString();
  const UpdateStatus = { ...status, State: 'completed' as const, CompletedAt, Message: 'update completed' };
  pass.objects.services.change(service.ID, { UpdateStatus });
}

const made = (pass: Pass, { ID }: ServiceRecord, { StartedAt }: UpdateStatus): TaskRecord[] =>
  tasksOf(pass, ID).filter((task) => task.update === StartedAt);

/** A task of this update that ended early. One is too much unless the service says otherwise. */
function firstFailure(pass: Pass, service: ServiceRecord, status: UpdateStatus): TaskRecord | undefined {
  const { FailureAction = 'pause', MaxFailureRatio = 0 } = service.Spec.UpdateConfig ?? {};
  if (FailureAction === 'continue') return undefined;
  const monitorMs = millis(service.Spec.UpdateConfig?.Monitor, MONITOR_MS);
  const all = made(pass, service, status);
  const failures = all.filter(({ Status, runningSince }) => {
    const isFailed = Status.State === 'failed' || Status.State === 'rejected';
    const isEarly = runningSince === undefined || Date.parse(Status.Timestamp) - runningSince <= monitorMs;
    return isFailed && isEarly;
  });
  return failures.length / Math.max(1, all.length) > MaxFailureRatio ? failures[0] : undefined;
}

function pause({ objects }: Pass, { ID }: ServiceRecord, status: UpdateStatus, task: TaskRecord): void {
  const Message = `update paused due to failure or early termination of task ${task.ID}`;
  objects.services.change(ID, { UpdateStatus: { ...status, State: 'paused', Message } });
}

/** Slots whose new task does not run yet, or runs for less than the delay between two slots. */
function busySlots(pass: Pass, service: ServiceRecord, slots: Slot[]): number {
  const { Delay, Order } = service.Spec.UpdateConfig ?? {};
  const startedAt = service.UpdateStatus?.StartedAt;
  return slots.filter((slot) => {
    const fresh = slot.find((task) => task.update === startedAt);
    if (!fresh) return false;
    if (at(fresh.Status.State) < at('running')) return true;
    if (Order === 'start-first') for (const old of slot) if (old !== fresh) desire(pass, old, 'shutdown');
    const restsUntil = Date.parse(fresh.Status.Timestamp) + millis(Delay, 0);
    if (restsUntil > pass.now) pass.wakeAt(restsUntil);
    return restsUntil > pass.now;
  }).length;
}

function replace(pass: Pass, service: ServiceRecord, { slot, update }: { slot: Slot; update: string }): void {
  const [old] = slot;
  if (!old) return;
  const place = old.Slot === undefined ? { NodeID: old.NodeID } : { Slot: old.Slot };
  if (service.Spec.UpdateConfig?.Order === 'start-first') return void createTask(pass, service, { ...place, update });
  for (const task of slot) if (isWanted(task)) desire(pass, task, 'shutdown');
  createTask(pass, service, { ...place, update, DesiredState: 'ready', startAt: pass.now, after: old.ID });
}
