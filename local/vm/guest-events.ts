import { hasUnit } from './custom-data';
import { engineOf, firstTask, liveGuest, save, schedule, type GuestTask, type Guest, type GuestWorld } from './guest';
import type { MachineSpec, ScheduledEvent } from './machine';
import { isRetryable } from './retry';

/** The unit of a node that watches scheduled events; a machine whose customData lacks it never hears of any. */
export const WATCHER_UNIT = 'starling-events.service';
const POLL_MS = 1_000; // the watcher asks IMDS each second
const TELL_PAUSE_CAP_MS = 30_000;
const LEAVING: readonly ScheduledEvent['EventType'][] = ['Preempt', 'Terminate'];
const COMING_BACK: readonly ScheduledEvent['EventType'][] = ['Reboot', 'Redeploy'];

export interface EventTask extends GuestTask {
  eventId: string;
  /** Starling has answered. */
  told?: boolean;
}

export const watchesEvents = (world: GuestWorld, spec: MachineSpec): boolean =>
  hasUnit(world.inventory.customData(spec), WATCHER_UNIT);

/** Wakes the watcher, where there is one, when something that it must answer stands in the document. */
export function noticeEvents(world: GuestWorld, { spec, state }: Guest): void {
  if (state.power !== 'up' || !watchesEvents(world, spec)) return;
  const event = world.inventory.scheduledEvents
    .visibleTo(spec)
    .Events.find((one) => concerns(one, spec.name) && !state.approved?.includes(one.EventId));
  if (event) schedule(world, 'event', { ...firstTask(world, state), eventId: event.EventId } as EventTask, POLL_MS);
}

/**
 * The watcher: tells Starling what is to happen to this very machine, stops the engine when the machine is to go, and approves
 * that one event, once. Events of others, which IMDS shows to everybody, are left alone, and one that names others too is
 * never approved: it would count for them as well.
 */
export async function runEvent(world: GuestWorld, task: EventTask): Promise<void> {
  const guest = liveGuest(world, task);
  const event = guest && eventOf(world, guest.spec, task.eventId);
  if (!guest || !event || !concerns(event, guest.spec.name)) return;
  const told = task.told ?? (await tell(world, guest));
  if (LEAVING.includes(event.EventType)) stopEngine(world, task);
  if (!told) {
    const pauseMs = Math.min(TELL_PAUSE_CAP_MS, POLL_MS * 2 ** Math.min(task.attempt + 1, 6));
    return schedule(world, 'event', { ...task, attempt: task.attempt + 1 } as EventTask, pauseMs);
  }
  if (event.Resources.length === 1) await approve(world, { ...task, told });
}

async function approve(world: GuestWorld, task: EventTask): Promise<void> {
  const guest = liveGuest(world, task);
  if (!guest) return;
  const isTaken = await world.client.acknowledge(guest, task.eventId);
  const after = liveGuest(world, task);
  if (!after) return;
  if (!isTaken) return schedule(world, 'event', { ...task, attempt: task.attempt + 1 } as EventTask, POLL_MS);
  const state = save(world, after.state, { approved: [...(after.state.approved ?? []), task.eventId] });
  noticeEvents(world, { ...after, state });
}

const eventOf = (world: GuestWorld, spec: MachineSpec, id: string): ScheduledEvent | undefined =>
  world.inventory.scheduledEvents.visibleTo(spec).Events.find(({ EventId }) => EventId === id);

const concerns = ({ EventStatus, EventType, Resources }: ScheduledEvent, name: string): boolean =>
  EventStatus === 'Scheduled' && [...LEAVING, ...COMING_BACK].includes(EventType) && Resources.includes(name);

/** Whether Starling answered, if only with a refusal, which a repeat would not change. */
async function tell(world: GuestWorld, before: Guest): Promise<boolean> {
  const answer = await world.client.post(before, 'leave', world.inventory.customData(before.spec).environment);
  const guest = liveGuest(world, before.state);
  if (guest) save(world, guest.state, {}, `starling: events: leave: answer ${answer.status}`);
  return !isRetryable(answer);
}

function stopEngine(world: GuestWorld, task: GuestTask): void {
  const guest = liveGuest(world, task);
  if (!guest || guest.state.phase === 'leaving') return;
  const { spec, state } = guest;
  save(world, state, { phase: 'leaving' }, 'starling: events: engine stopped');
  world.scheduler.cancel('machine-engine', spec.vmId);
  engineOf(world, spec)?.stop(world, guest, true);
}
