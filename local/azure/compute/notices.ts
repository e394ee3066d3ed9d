import type { ScheduledEvent } from '../../vm/machine';
import type { Compute } from './compute';
import type { Machine, Verb } from './machines';

/** What machines are told before it happens to them. */
export interface NoticeDraft {
  verb: Verb;
  operation: string;
  force?: boolean;
  eventType: 'Terminate' | 'Reboot' | 'Redeploy';
  description: string;
  minutes: number;
}

/** Machines of one notice go together: when all have approved, or when the time is up. */
interface Notice {
  verb: Verb;
  operation: string;
  force?: boolean;
  /** Event ids that nobody has approved yet. */
  waiting: string[];
  machines: string[];
}

const NOTICES = 'notices';
const OVER = 'notice-over';

/** Begins a step for each of the machines that waits until the notice is over, and tells the machines. */
export function beginWithNotice(compute: Compute, told: readonly Machine[], draft: NoticeDraft): void {
  const { core, steps } = compute;
  const { verb, operation, force, minutes } = draft;
  if (told.length === 0) return;
  for (const machine of told) steps.begin(machine, { verb, operation, force, delayMs: minutes * 60_000 });
  const waiting = told.map((machine) => announce(compute, machine, draft));
  const key = `${operation}/${told[0]?.vmId}`;
  const notice: Notice = { verb, operation, force, waiting, machines: told.map(({ id }) => id) };
  core.store.put(NOTICES, key, notice);
  core.scheduler.schedule(OVER, key, core.clock.now() + minutes * 60_000, { key });
}

function announce({ core }: Compute, machine: Machine, draft: NoticeDraft): string {
  const { eventType, operation, minutes, description } = draft;
  const event: ScheduledEvent = {
    EventId: core.chance.guid(`${eventType}/${operation}/${machine.vmId}`),
    EventType: eventType,
    ResourceType: 'VirtualMachine',
    Resources: [machine.name],
    EventStatus: 'Scheduled',
    NotBefore: new Date(core.clock.now() + minutes * 60_000).toUTCString(),
    Description: description,
    EventSource: 'User',
    DurationInSeconds: -1,
  };
  core.driver.announce(machine.vmId, event);
  return event.EventId;
}

/** False when no notice waits for this approval. The others of the same notice hold it up until theirs came too. */
export function approveNotice({ core, steps, machines }: Compute, eventId: string): boolean {
  const found = core.store.list<Notice>(NOTICES).find(([, notice]) => notice.waiting.includes(eventId));
  if (!found) return false;
  const [key, notice] = found;
  const waiting = notice.waiting.filter((id) => id !== eventId);
  core.store.put(NOTICES, key, { ...notice, waiting });
  if (waiting.length > 0) return true;
  core.store.delete(NOTICES, key);
  core.scheduler.cancel(OVER, key);
  for (const id of notice.machines) {
    const machine = machines.get(id);
    if (machine?.step?.operation === notice.operation)
      steps.begin(machine, { verb: notice.verb, operation: notice.operation, force: notice.force });
  }
  return true;
}

export function registerNotices({ core }: Compute): void {
  core.scheduler.on<{ key: string }>(OVER, ({ key }) => core.store.delete(NOTICES, key));
}
