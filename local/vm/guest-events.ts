import { hasUnit } from './custom-data';
import {
  clusterOf,
  firstTask,
  liveGuest,
  roleOf,
  save,
  schedule,
  type Guest,
  type GuestTask,
  type GuestWorld,
} from './guest';
import type { MachineSpec, ScheduledEvent } from './machine';

/** The unit of a node that watches scheduled events; a machine whose customData lacks it never hears of any. */
export const WATCHER_UNIT = 'starling-events.service';
const POLL_MS = 1_000; // the watcher asks IMDS each second
const ACKNOWLEDGE_RETRY_MS = 1_000;
const LEAVING: readonly ScheduledEvent['EventType'][] = ['Preempt', 'Terminate'];
const COMING_BACK: readonly ScheduledEvent['EventType'][] = ['Reboot', 'Redeploy'];

export interface EventTask extends GuestTask {
  eventId: string;
}

export const watchesEvents = (world: GuestWorld, spec: MachineSpec): boolean =>
  hasUnit(world.inventory.customData(spec), WATCHER_UNIT);

/** Wakes the watcher, where there is one, when something that it must answer stands in the document. */
export function noticeEvents(world: GuestWorld, { spec, state }: Guest): void {
  if (state.power !== 'up' || !watchesEvents(world, spec)) return;
  const event = world.inventory.scheduledEvents.visibleTo(spec).Events.find((one) => concerns(one, spec.name));
  if (event) schedule(world, 'event', { ...firstTask(world, state), eventId: event.EventId } as EventTask, POLL_MS);
}

/**
 * The watcher: when this very machine is to go, it says so, stops its engine and approves that one event; a reboot it only
 * approves. Events of others, which IMDS shows to everybody, are left alone.
 */
export async function runEvent(world: GuestWorld, task: EventTask): Promise<void> {
  const guest = liveGuest(world, task);
  const event = guest && eventOf(world, guest.spec, task.eventId);
  if (!guest || !event || !concerns(event, guest.spec.name)) return;
  if (task.attempt === 0 && LEAVING.includes(event.EventType)) await leave(world, task);
  const stopped = liveGuest(world, task);
  if (!stopped || (await world.client.acknowledge(stopped, task.eventId))) return;
  schedule(world, 'event', { ...task, attempt: task.attempt + 1 }, ACKNOWLEDGE_RETRY_MS);
}

const eventOf = (world: GuestWorld, spec: MachineSpec, id: string): ScheduledEvent | undefined =>
  world.inventory.scheduledEvents.visibleTo(spec).Events.find(({ EventId }) => EventId === id);

const concerns = ({ EventStatus, EventType, Resources }: ScheduledEvent, name: string): boolean =>
  EventStatus === 'Scheduled' && [...LEAVING, ...COMING_BACK].includes(EventType) && Resources.includes(name);

async function leave(world: GuestWorld, task: GuestTask): Promise<void> {
  const before = liveGuest(world, task);
  if (!before || roleOf(world, before.spec) !== 'agent') return;
  const answer = await world.client.post(before, 'leave', world.inventory.customData(before.spec).environment);
  const guest = liveGuest(world, task);
  if (!guest) return;
  const { spec, state } = guest;
  save(world, state, { phase: 'leaving' }, `starling: leave: answer ${answer.status}`);
  world.scheduler.cancel('machine-engine', spec.vmId);
  const nodeName = state.disk.ticket?.nodeName;
  if (nodeName) world.k3s.stopKubelet(clusterOf(world, spec), nodeName, spec.vmId, true);
}
