import type { Store } from '../store';
import type { MachineSpec, ScheduledEvent } from './machine';

/** The document of `/metadata/scheduledevents`. */
export interface EventDocument {
  DocumentIncarnation: number;
  Events: ScheduledEvent[];
}

/**
 * Scheduled events as IMDS shows them: to every instance of the scale set, and to every VM of the availability set, whichever
 * of them is meant.
 */
export interface ScheduledEvents {
  /** The same id again replaces the event. */
  announce(spec: MachineSpec, event: ScheduledEvent): void;
  /** What was to happen to this machine has happened. */
  forget(spec: MachineSpec): void;
  visibleTo(spec: MachineSpec): EventDocument;
  /** The machine asked for its events, which switches them on for a day. */
  polled(vmId: string, now: number): void;
  isOn(vmId: string, now: number): boolean;
}

const EVENTS = 'scheduled-events';
const INCARNATIONS = 'scheduled-event-incarnations';
const POLLS = 'scheduled-event-polls';
const OFF_AFTER_MS = 24 * 3_600_000; // Azure stops to announce to whoever has not asked for a day
/** A guest asks each second; to remember every time would be a write each second. */
const REMEMBER_EVERY_MS = 60_000;

export function createScheduledEvents(store: Store): ScheduledEvents {
  const changed = (scope: string): void => store.put(INCARNATIONS, scope, incarnation(scope) + 1);
  const incarnation = (scope: string): number => store.get<number>(INCARNATIONS, scope) ?? 1;
  return {
    announce(spec, event) {
      store.put(EVENTS, `${scopeOf(spec)}\n${event.EventId}`, event);
      changed(scopeOf(spec));
    },
    forget(spec) {
      const own = store
        .list<ScheduledEvent>(EVENTS, `${scopeOf(spec)}\n`)
        .filter(([, event]) => event.Resources.includes(spec.name));
      for (const [id] of own) store.delete(EVENTS, id);
      if (own.length > 0) changed(scopeOf(spec));
    },
    visibleTo: (spec) => ({
      DocumentIncarnation: incarnation(scopeOf(spec)),
      Events: store.list<ScheduledEvent>(EVENTS, `${scopeOf(spec)}\n`).map(([, event]) => event),
    }),
    polled(vmId, now) {
      if (now - (store.get<number>(POLLS, vmId) ?? -Infinity) >= REMEMBER_EVERY_MS) store.put(POLLS, vmId, now);
    },
    isOn: (vmId, now) => now - (store.get<number>(POLLS, vmId) ?? -Infinity) < OFF_AFTER_MS,
  };
}

const scopeOf = ({ subscriptionId, resourceGroup, scaleSet, availabilitySet, name }: MachineSpec): string => {
  const own = availabilitySet ? `availability-set/${availabilitySet}` : name;
  return `${subscriptionId}/${resourceGroup}/${scaleSet?.name ?? own}`.toLowerCase();
};
