import type { Resource } from '../arm/resources';
import { objectAt, textAt, valueAt } from '../json';
import type { Compute } from './compute';
import type { Machine } from './machines';

interface Removal {
  operation: string;
  force?: boolean;
}

/** Machines of one deletion that wait for approval: they go together, when all have approved or the time is up. */
interface Notice {
  operation: string;
  force?: boolean;
  /** vmId → event id, of those that have not approved yet. */
  waiting: Record<string, string>;
  machines: string[];
}

const NOTICE_OVER = 'termination-notice-over';

/** Removes instances; where the set has termination notices, only after the machines were told and had their time. */
export function beginRemovals(
  compute: Compute,
  scaleSet: Resource,
  victims: readonly Machine[],
  removal: Removal,
): void {
  const minutes = noticeMinutes(scaleSet);
  const told = minutes === undefined || removal.force ? [] : victims.filter((machine) => machine.power === 'running');
  for (const machine of victims) {
    const waits = told.includes(machine);
    compute.steps.begin(machine, { verb: 'delete', ...removal, ...(waits && { delayMs: (minutes ?? 0) * 60_000 }) });
  }
  if (told.length > 0) announce(compute, told, removal, minutes ?? 0);
}

/** `PT5M` of the model, where notices are on. */
function noticeMinutes(scaleSet: Resource): number | undefined {
  const profile = objectAt(
    scaleSet.properties,
    'virtualMachineProfile.scheduledEventsProfile.terminateNotificationProfile',
  );
  if (valueAt(profile, 'enable') !== true) return undefined;
  return Number(/^PT(\d+)M$/.exec(textAt(profile, 'notBeforeTimeout') ?? 'PT5M')?.[1] ?? 5);
}

function announce({ core }: Compute, told: readonly Machine[], removal: Removal, minutes: number): void {
  const waiting: Record<string, string> = {};
  for (const machine of told) {
    const eventId = core.chance.guid(`terminate/${removal.operation}/${machine.vmId}`);
    waiting[machine.vmId] = eventId;
    core.driver.announce(machine.vmId, {
      EventId: eventId,
      EventType: 'Terminate',
      ResourceType: 'VirtualMachine',
      Resources: [machine.name],
      EventStatus: 'Scheduled',
      NotBefore: new Date(core.clock.now() + minutes * 60_000).toUTCString(),
      Description: 'The virtual machine is about to be deleted.',
      EventSource: 'User',
      DurationInSeconds: -1,
    });
  }
  const notice: Notice = { ...removal, waiting, machines: told.map((machine) => machine.id) };
  core.store.put('termination-notices', removal.operation, notice);
  const end = core.clock.now() + minutes * 60_000;
  core.scheduler.schedule(NOTICE_OVER, removal.operation, end, { operation: removal.operation });
}

/** The machine approves its own event; the others of the same deletion hold it up until they approve too. */
export function approveTermination({ core, steps, machines }: Compute, vmId: string, eventId: string): boolean {
  for (const [key, notice] of core.store.list<Notice>('termination-notices')) {
    if (notice.waiting[vmId] !== eventId) continue;
    const { [vmId]: _approved, ...waiting } = notice.waiting;
    core.store.put('termination-notices', key, { ...notice, waiting });
    if (Object.keys(waiting).length > 0) return true;
    core.store.delete('termination-notices', key);
    for (const id of notice.machines) {
      const machine = machines.get(id);
      if (machine?.step?.operation === notice.operation)
        steps.begin(machine, { verb: 'delete', operation: notice.operation, force: notice.force });
    }
    return true;
  }
  return false;
}

export function registerNotices({ core }: Compute): void {
  core.scheduler.on<{ operation: string }>(NOTICE_OVER, ({ operation }) =>
    core.store.delete('termination-notices', operation),
  );
}
