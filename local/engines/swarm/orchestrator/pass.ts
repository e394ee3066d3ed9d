import { newId } from '../ids';
import { TASK_STATES, type NodeRecord, type ServiceRecord, type TaskRecord, type TaskState } from '../records';
import type { SwarmObjects } from '../state';

/** One look of the leader at its swarm, and of all agents at their tasks. */
export interface Pass {
  objects: SwarmObjects;
  /** Milliseconds. */
  now: number;
  nodes: Map<string, NodeRecord>;
  /** Read once, and kept up with what this pass writes. */
  tasks: Map<string, TaskRecord>;
  /** The run of the node's daemon; undefined while it does not run as that node. */
  runOf(node: NodeRecord): number | undefined;
  /** Time alone changes something then. */
  wakeAt(at: number): void;
}

export const at = (state: TaskState): number => TASK_STATES.indexOf(state);

/** Over, whatever came of it. */
export const isOver = ({ Status }: TaskRecord): boolean => at(Status.State) > at('running');

/** Somebody wants it to run, now or soon. */
export const isWanted = ({ DesiredState }: TaskRecord): boolean => at(DesiredState) <= at('running');

/** Down or drained: what is there has to go elsewhere. Paused is good enough. */
export const isInvalid = (node: NodeRecord | undefined): boolean =>
  node === undefined || node.Status.State === 'down' || node.Spec.Availability === 'drain';

export const tasksOf = ({ tasks }: Pass, serviceId: string): TaskRecord[] =>
  [...tasks.values()].filter(({ ServiceID }) => ServiceID === serviceId);

export function change({ objects, tasks }: Pass, task: TaskRecord, to: Partial<TaskRecord>): void {
  const changed = objects.tasks.change(task.ID, to);
  if (changed) tasks.set(task.ID, changed);
}

export function remove({ objects, tasks }: Pass, task: TaskRecord): void {
  objects.tasks.remove(task.ID);
  tasks.delete(task.ID);
}

interface Entry extends Partial<TaskRecord> {
  State: TaskState;
  Message: string;
  /** Why it failed. */
  Err?: string;
}

/** Into another state. */
export function enter(pass: Pass, task: TaskRecord, { State, Message, Err, ...rest }: Entry): void {
  const Timestamp = new Date(pass.now).toISOString();
  const { ContainerStatus } = task.Status;
  const Status = { Timestamp, State, Message, ...(Err && { Err }), ...(ContainerStatus && { ContainerStatus }) };
  change(pass, task, { ...rest, Status });
}

export function desire(pass: Pass, task: TaskRecord, DesiredState: TaskState): void {
  if (task.DesiredState === DesiredState) return;
  const isStop = at(DesiredState) > at('running') && task.stoppedAt === undefined;
  change(pass, task, { DesiredState, ...(isStop && { stoppedAt: pass.now }) });
}

/** A new task of a service, in a slot or on a node, as the service wants it at present. */
export function createTask(pass: Pass, service: ServiceRecord, place: Partial<TaskRecord>): TaskRecord {
  const part = place.Slot ?? place.NodeID ?? '';
  const task = pass.objects.tasks.create({
    Labels: {},
    Spec: service.Spec.TaskTemplate,
    ServiceID: service.ID,
    Status: { Timestamp: new Date(pass.now).toISOString(), State: 'new', Message: 'created' },
    DesiredState: 'running',
    name: `${service.Spec.Name}.${part}.${newId()}`,
    ...place,
  });
  pass.tasks.set(task.ID, task);
  return task;
}
