import { meets } from '../constraints';
import type { NodeRecord, ServiceRecord, TaskRecord } from '../records';
import { at, createTask, desire, isInvalid, isOver, isWanted, remove, tasksOf, type Pass } from './pass';
import { mayRestart, restart } from './restarts';
import { isDirty, update, type Slot } from './updates';

export function keepService(pass: Pass, service: ServiceRecord): void {
  if (service.Spec.Mode.Global) keepGlobal(pass, service);
  else keepReplicas(pass, service);
}

const wantedTasks = (pass: Pass, { ID }: ServiceRecord): TaskRecord[] => tasksOf(pass, ID).filter(isWanted);

/** As many slots as there are to be replicas, each with a task that runs or will run. */
function keepReplicas(pass: Pass, service: ServiceRecord): void {
  for (const task of wantedTasks(pass, service))
    if (isOver(task) || (task.NodeID !== undefined && isInvalid(pass.nodes.get(task.NodeID))))
      restart(pass, service, task);
  const slots = slotsOf(wantedTasks(pass, service), ({ Slot }) => Slot ?? 0);
  const ended = slotsOf(tasksOf(pass, service.ID), ({ Slot }) => Slot ?? 0);
  for (const [slot, tasks] of ended) if (slots.has(slot) || !isExhausted(pass, service, tasks)) ended.delete(slot);
  const wanted = service.Spec.Mode.Replicated?.Replicas ?? 1;
  for (let slot = 1, missing = wanted - slots.size - ended.size; missing > 0; slot += 1) {
    if (slots.has(slot) || ended.has(slot)) continue;
    createTask(pass, service, { Slot: slot });
    missing -= 1;
  }
  const surplus = surplusSlots(pass, [...slots.values()], slots.size - wanted);
  for (const slot of surplus) for (const task of slot) desire(pass, task, 'remove');
  const rest = [...slots.values()].filter((slot) => !surplus.includes(slot));
  forgetSlots(pass, service, new Set([...rest.map(([task]) => task?.Slot), ...ended.keys()]));
  update(pass, service, rest);
}

/** The last task of the slot ended by itself and may not be replaced: it stays empty until the service is another one. */
function isExhausted(pass: Pass, service: ServiceRecord, slot: Slot): boolean {
  const [last] = [...slot].sort((a, b) => b.Version.Index - a.Version.Index);
  return last !== undefined && endedByItself(last) && !mayRestart(last) && !isDirty(pass, service, last);
}

const endedByItself = ({ Status }: TaskRecord): boolean => ['failed', 'rejected', 'complete'].includes(Status.State);

/** The history of a slot ends with it. */
function forgetSlots(pass: Pass, { ID }: ServiceRecord, kept: Set<number | undefined>): void {
  for (const task of tasksOf(pass, ID)) if (!kept.has(task.Slot) && isOver(task) && !isWanted(task)) remove(pass, task);
}

function slotsOf<Key>(tasks: TaskRecord[], keyOf: (task: TaskRecord) => Key): Map<Key, Slot> {
  const slots = new Map<Key, Slot>();
  for (const task of tasks) slots.set(keyOf(task), [...(slots.get(keyOf(task)) ?? []), task]);
  return slots;
}

/** Those that do not run go first, then from the nodes with the most of them. */
function surplusSlots(pass: Pass, slots: Slot[], count: number): Slot[] {
  if (count <= 0) return [];
  const perNode = new Map<string, number>();
  const ranked = slots
    .map((slot) => ({ slot, runs: slot.some(({ Status }) => Status.State === 'running'), node: slot[0]?.NodeID ?? '' }))
    .sort((a, b) => (a.slot[0]?.Slot ?? 0) - (b.slot[0]?.Slot ?? 0))
    .map((one) => {
      const index = perNode.get(one.node) ?? 0;
      if (one.runs) perNode.set(one.node, index + 1);
      return { ...one, index };
    });
  return ranked
    .sort((a, b) => Number(a.runs) - Number(b.runs) || b.index - a.index)
    .slice(0, count)
    .map(({ slot }) => slot);
}

/** One task on every node that suits. A node that is drained or down has none; a paused one keeps what it has. */
function keepGlobal(pass: Pass, service: ServiceRecord): void {
  const suits = (node: NodeRecord | undefined): boolean =>
    !isInvalid(node) && node !== undefined && meets(node, service.Spec.TaskTemplate.Placement?.Constraints);
  for (const task of wantedTasks(pass, service)) {
    if (!suits(pass.nodes.get(task.NodeID ?? ''))) desire(pass, task, 'shutdown');
    else if (isOver(task)) restart(pass, service, task);
  }
  const slots = slotsOf(wantedTasks(pass, service), ({ NodeID }) => NodeID ?? '');
  const all = slotsOf(tasksOf(pass, service.ID), ({ NodeID }) => NodeID ?? '');
  for (const node of pass.nodes.values()) {
    const isFree = node.Spec.Availability === 'active' && !slots.has(node.ID);
    if (isFree && suits(node) && !isExhausted(pass, service, all.get(node.ID) ?? []))
      createTask(pass, service, { NodeID: node.ID });
  }
  const isPaused = ([task]: Slot): boolean => pass.nodes.get(task?.NodeID ?? '')?.Spec.Availability === 'pause';
  update(
    pass,
    service,
    [...slots.values()].filter((slot) => !isPaused(slot)),
  );
}

/** Tasks of a service that is no more, and history beyond what the swarm keeps for each slot. */
export function reap(pass: Pass, services: Map<string, ServiceRecord>, limit: number): void {
  const ended: TaskRecord[] = [];
  for (const task of pass.tasks.values()) {
    if (!services.has(task.ServiceID)) desire(pass, task, 'remove');
    const latest = pass.tasks.get(task.ID) ?? task;
    const neverPlaced = at(latest.Status.State) < at('assigned');
    if (latest.DesiredState === 'remove' && (isOver(latest) || neverPlaced)) remove(pass, latest);
    else if (!isWanted(latest) && neverPlaced) remove(pass, latest);
    else if (isOver(latest) && !isWanted(latest)) ended.push(latest);
  }
  if (limit < 0) return;
  const place = ({ ServiceID, Slot, NodeID }: TaskRecord): string => `${ServiceID}/${Slot ?? NodeID}`;
  const sizes = new Map<string, number>();
  for (const task of pass.tasks.values()) sizes.set(place(task), (sizes.get(place(task)) ?? 0) + 1);
  for (const task of ended.sort((a, b) => a.Status.Timestamp.localeCompare(b.Status.Timestamp))) {
    const size = sizes.get(place(task)) ?? 0;
    if (size <= limit) continue;
    sizes.set(place(task), size - 1);
    remove(pass, task);
  }
}
