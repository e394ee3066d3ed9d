import { clusterOf, liveGuest, roleOf, save, schedule, type GuestTask, type GuestWorld } from './guest';
import type { ScheduledEvent } from './machine';

const GOING_AWAY: readonly ScheduledEvent['EventType'][] = ['Preempt', 'Terminate', 'Reboot', 'Redeploy'];
const ACKNOWLEDGE_RETRY_MS = 1_000;

export interface EventTask extends GuestTask {
  eventId: string;
}

/**
 * The node agent, which polls IMDS each second: when this very machine is to go, it says so, stops its engine and
 * approves that one event. Events of others, which IMDS shows to everybody, are left alone.
 */
export async function runEvent(world: GuestWorld, task: EventTask): Promise<void> {
  const guest = liveGuest(world, task);
  const event = guest?.state.events.find(({ EventId }) => EventId === task.eventId);
  if (!guest || !event || !concerns(event, guest.spec.name)) return;
  if (task.attempt === 0) await leave(world, task);
  const stopped = liveGuest(world, task);
  if (!stopped || (await world.client.acknowledge(stopped, task.eventId))) return;
  schedule(world, 'event', { ...task, attempt: task.attempt + 1 }, ACKNOWLEDGE_RETRY_MS);
}

export const concerns = (event: ScheduledEvent, name: string): boolean =>
  event.EventStatus === 'Scheduled' && GOING_AWAY.includes(event.EventType) && event.Resources.includes(name);

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
