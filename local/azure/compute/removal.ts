import type { Resource } from '../arm/resources';
import { objectAt, textAt, valueAt } from '../json';
import type { Compute } from './compute';
import type { Machine } from './machines';
import { beginWithNotice } from './notices';

interface Removal {
  operation: string;
  force?: boolean;
}

/**
 * Removes instances; where the set has termination notices, only after the machines were told and had their time. It does
 * not matter whether they ever asked for scheduled events: who never hears of it never approves either.
 */
export function beginRemovals(
  compute: Compute,
  scaleSet: Resource,
  victims: readonly Machine[],
  removal: Removal,
): void {
  const minutes = noticeMinutes(scaleSet);
  const told = minutes === undefined || removal.force ? [] : victims.filter((machine) => machine.power === 'running');
  for (const machine of victims)
    if (!told.includes(machine)) compute.steps.begin(machine, { verb: 'delete', ...removal });
  beginWithNotice(compute, told, {
    verb: 'delete',
    ...removal,
    eventType: 'Terminate',
    description: 'The virtual machine is about to be deleted.',
    minutes: minutes ?? 0,
  });
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
