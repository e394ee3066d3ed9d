import type { Core } from './core';
import type { GridEvent } from './event-grid';
import { destinationOf } from './event-grid';
import { keyOf, lastName } from './arm/ids';
import { nextNumber, type Resource } from './arm/resources';
import { textAt, valueAt } from './json';

/** How events are disturbed on purpose. */
export interface EventMode {
  mode: 'normal' | 'duplicate' | 'reorder' | 'drop';
  dropFraction?: number;
  delayMs?: number;
}

export interface Delivery {
  enqueue(subscription: Resource, event: GridEvent): void;
  mode(): EventMode;
  setMode(mode: EventMode): void;
  /** Waiting, delivered and lost, for `/_local/state`. */
  report(): object;
}

interface Parcel {
  key: string;
  subscription: string;
  event: GridEvent;
  attempts: number;
  dueAt: number;
  expiresAt: number;
}

/** Event Grid's retry schedule; the last interval repeats until the event is too old. */
const RETRY_MS = [10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200].map((seconds) => seconds * 1_000);
const NEVER_RETRIED = [400, 401, 413];
const MAX_ATTEMPTS = 30;
const TTL_MINUTES = 1_440;
/** At least once: now and then an event comes twice without anybody asking for it. */
const STRAY_DUPLICATES = 0.05;
const REORDER_WITHIN_MS = 60_000;
const DUPLICATE_WITHIN_MS = 10_000;
const DELIVER = 'event-deliver';
const PARCELS = 'event-parcels';
const HISTORY = 200;

export function createDelivery(core: Core): Delivery {
  const { store, clock, scheduler, chance, latencies, settings } = core;
  const mode = (): EventMode => store.get<EventMode>('event-mode', 'mode') ?? { mode: 'normal' };

  const send = (subscription: string, event: GridEvent, delayMs: number, resource: Resource): void => {
    const key = String(nextNumber(store, 'parcels')).padStart(10, '0');
    const heldUntil = store.get<{ until: number }>('event-health', subscription)?.until ?? 0;
    const ttlMinutes = Number(valueAt(resource.properties, 'retryPolicy.eventTimeToLiveInMinutes') ?? TTL_MINUTES);
    const parcel: Parcel = {
      key,
      subscription,
      event,
      attempts: 0,
      dueAt: Math.max(clock.now() + delayMs, heldUntil),
      expiresAt: clock.now() + ttlMinutes * 60_000,
    };
    store.put(PARCELS, key, parcel);
    scheduler.schedule(DELIVER, key, parcel.dueAt, { key });
  };

  /** What is due for the same subscription goes in one request, up to its batch size. */
  const batchFor = (parcel: Parcel, resource: Resource): Parcel[] => {
    const size = Number(valueAt(resource.properties, 'destination.properties.maxEventsPerBatch') ?? 1);
    const others = store
      .list<Parcel>(PARCELS)
      .map(([, other]) => other)
      .filter(
        (other) => other.key !== parcel.key && other.subscription === parcel.subscription && other.dueAt <= clock.now(),
      );
    return size <= 1 ? [parcel] : [parcel, ...others].slice(0, size);
  };

  const settle = (parcel: Parcel, status: number): void => {
    const attempts = parcel.attempts + 1;
    const record = (outcome: string): void => remember(core, parcel, outcome);
    if (status >= 200 && status <= 204) {
      store.delete(PARCELS, parcel.key);
      return record('delivered');
    }
    const retryMs = RETRY_MS[Math.min(attempts, RETRY_MS.length) - 1] ?? 0;
    const dueAt = clock.now() + Math.round(retryMs * (1 + 0.2 * chance.unit(`retry/${parcel.key}/${attempts}`)));
    if (NEVER_RETRIED.includes(status) || attempts >= MAX_ATTEMPTS || dueAt > parcel.expiresAt) {
      store.delete(PARCELS, parcel.key);
      return record(`lost: answered ${status}`);
    }
    store.put(PARCELS, parcel.key, { ...parcel, attempts, dueAt });
    scheduler.schedule(DELIVER, parcel.key, dueAt, { key: parcel.key });
  };

  scheduler.on<{ key: string }>(DELIVER, async ({ key }) => {
    const parcel = store.get<Parcel>(PARCELS, key);
    const resource = parcel && core.resources.get(parcel.subscription);
    const destination = resource && destinationOf(resource);
    if (!parcel || !resource || !destination) return store.delete(PARCELS, key);
    const batch = batchFor(parcel, resource);
    for (const other of batch.slice(1)) scheduler.cancel(DELIVER, other.key);
    const headers = {
      'aeg-event-type': 'Notification',
      'aeg-subscription-name': lastName(resource.id).toUpperCase(),
      'aeg-delivery-count': String(parcel.attempts),
      'aeg-data-version': '2',
      'aeg-metadata-version': '1',
    };
    const body = batch.map(({ event }) => asSchema(event, textAt(resource.properties, 'eventDeliverySchema')));
    const status = await settings.deliver(destination, body, headers).catch(() => 503);
    markHealth(parcel, status);
    for (const one of batch) settle(one, status);
  });

  /** An endpoint that fails makes new events wait as well. */
  const markHealth = (parcel: Parcel, status: number): void => {
    if (status < 400 || NEVER_RETRIED.includes(status)) return store.delete('event-health', parcel.subscription);
    const waitMs = RETRY_MS[Math.min(parcel.attempts, 2)] ?? 0;
    store.put('event-health', parcel.subscription, { until: clock.now() + waitMs });
  };

  return {
    mode,
    setMode: (next) => store.put('event-mode', 'mode', next),
    enqueue(resource, event) {
      const { mode: kind, dropFraction = 1, delayMs = 0 } = mode();
      const subscription = keyOf(resource.id);
      const draw = (what: string): number => chance.unit(`${what}/${event.id}/${subscription}`);
      if (kind === 'drop' && draw('drop') < dropFraction) return remember(core, { event }, 'dropped on purpose');
      const ownDelayMs = chance.within(latencies.event, `delay/${event.id}`) + delayMs;
      const shuffleMs = kind === 'reorder' ? Math.round(draw('reorder') * REORDER_WITHIN_MS) : 0;
      send(subscription, event, ownDelayMs + shuffleMs, resource);
      if (kind === 'duplicate' || draw('stray') < STRAY_DUPLICATES) {
        send(subscription, event, ownDelayMs + shuffleMs + Math.round(draw('again') * DUPLICATE_WITHIN_MS), resource);
      }
    },
    report: () => ({
      mode: mode(),
      waiting: store
        .list<Parcel>(PARCELS)
        .map(([, { event, attempts, dueAt }]) => ({ event, attempts, dueAt: new Date(dueAt).toISOString() })),
      history: store.list('event-history').map(([, entry]) => entry),
    }),
  };
}

function remember({ store, clock }: Core, { event }: Pick<Parcel, 'event'>, outcome: string): void {
  const number = nextNumber(store, 'event-history');
  const { id, eventType, subject } = event;
  store.put('event-history', String(number).padStart(10, '0'), {
    at: new Date(clock.now()).toISOString(),
    id,
    eventType,
    subject,
    outcome,
  });
  store.delete('event-history', String(number - HISTORY).padStart(10, '0'));
}

function asSchema(event: GridEvent, schema: string | undefined): object {
  if (!/^cloudevent/i.test(schema ?? '')) return event;
  const { id, eventType, eventTime, topic, subject, data } = event;
  return { specversion: '1.0', id, type: eventType, time: eventTime, source: topic, subject, data };
}
