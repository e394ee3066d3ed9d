import { createHash } from 'node:crypto';
import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Store } from '../../store';
import type { SimResponse } from '../http';
import type { AzureSettings } from '../settings';
import type { Chance } from '../chance';
import { ArmError, type ErrorBody } from './errors';
import { nextNumber } from './resources';

/** What Event Grid will say about a request once it ended. */
export interface EventDraft {
  kind: 'Write' | 'Delete' | 'Action';
  subject: string;
  operationName: string;
  method: string;
}

/** A long-running operation. */
export interface Operation {
  id: string;
  status: 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';
  startedAt: number;
  endedAt?: number;
  error?: ErrorBody;
  /** What the `Location` answers in the end. */
  output?: unknown;
  resourceId: string;
  namespace: string;
  location: string;
  event?: EventDraft;
  /** Parts that have not ended yet; the operation ends with the last one. */
  parts: number;
  failures: ErrorBody[];
  /** Who wants to know of the end; handled by `onFinished(kind)`. */
  then?: { kind: string; payload: unknown };
}

export type OperationDraft = Pick<Operation, 'resourceId' | 'location'> &
  Partial<Pick<Operation, 'namespace' | 'event' | 'parts' | 'then' | 'output'>>;

export interface Operations {
  begin(draft: OperationDraft): Operation;
  get(id: string): Operation | undefined;
  update(operation: Operation): void;
  /** Ending an ended operation again is harmless. */
  finish(id: string, error?: ErrorBody, output?: unknown): void;
  cancel(id: string, error: ErrorBody): void;
  /** One part of several ended. */
  partDone(id: string, error?: ErrorBody): void;
  running(resourceId: string): Operation[];
  onFinished(kind: string, run: (payload: never, operation: Operation) => void): void;
  onAnyFinished(run: (operation: Operation) => void): void;
  /** Headers that tell a client where to poll. */
  headers(operation: Operation, form?: 'both' | 'async' | 'location'): Record<string, string>;
  /** Answers a poll. */
  poll(id: string, query: URLSearchParams): SimResponse;
}

const COLLECTION = 'operations';
/** Compute asks for ten seconds between polls, the other providers for less; both are in the range that real services send. */
const retryAfterSeconds = (namespace: string): number => (namespace === 'Microsoft.Compute' ? 10 : 5);
const FORGET_AFTER_MS = 24 * 3_600_000; // results are kept for a day

interface Deps {
  store: Store;
  clock: Clock;
  scheduler: Scheduler;
  settings: AzureSettings;
  chance: Chance;
}

export function createOperations({ store, clock, scheduler, settings, chance }: Deps): Operations {
  const listeners = new Map<string, (payload: never, operation: Operation) => void>();
  const everyone: ((operation: Operation) => void)[] = [];
  const get = (id: string): Operation | undefined => store.get<Operation>(COLLECTION, id);
  const update = (operation: Operation): void => store.put(COLLECTION, operation.id, operation);

  const end = (id: string, status: Operation['status'], error?: ErrorBody, output?: unknown): void => {
    const operation = get(id);
    if (!operation || operation.status !== 'InProgress') return;
    const ended = { ...operation, status, error, endedAt: clock.now(), output: output ?? operation.output };
    update(ended);
    store.delete('running', runningKey(ended));
    scheduler.schedule('operation-forget', id, clock.now() + FORGET_AFTER_MS, { id });
    for (const listener of everyone) listener(ended);
    if (ended.then) listeners.get(ended.then.kind)?.(ended.then.payload as never, ended);
  };
  const finish = (id: string, error?: ErrorBody, output?: unknown): void =>
    end(id, error ? 'Failed' : 'Succeeded', error, output);
  scheduler.on<{ id: string }>('operation-forget', ({ id }) => store.delete(COLLECTION, id));
  scheduler.on<{ id: string; error?: ErrorBody; output?: unknown }>('operation-finish', ({ id, error, output }) =>
    finish(id, error, output),
  );

  const locate: Operations['headers'] = (operation, form = 'both') => {
    const url = `${settings.baseUrl()}/subscriptions/${settings.subscriptionId}/providers/${operation.namespace}/locations/${operation.location}/operations/${operation.id}`;
    const query = `api-version=2024-07-01&s=${signatureOf(operation)}`;
    return {
      ...(form !== 'location' && { 'azure-asyncoperation': `${url}?${query}` }),
      ...(form !== 'async' && { location: `${url}?monitor=true&${query}` }),
      'retry-after': String(retryAfterSeconds(operation.namespace)),
    };
  };

  return {
    get,
    update,
    finish,
    begin(draft) {
      const operation: Operation = {
        status: 'InProgress',
        startedAt: clock.now(),
        namespace: /\/providers\/([^/]+)\//i.exec(draft.resourceId)?.[1] ?? 'Microsoft.Resources',
        parts: 1,
        failures: [],
        ...draft,
        id: chance.guid(`operation/${nextNumber(store, 'operations')}`),
      };
      update(operation);
      store.put('running', runningKey(operation), operation.id);
      return operation;
    },
    cancel: (id, error) => end(id, 'Canceled', error),
    partDone(id, error) {
      const operation = get(id);
      if (!operation || operation.status !== 'InProgress') return;
      const failures = error ? [...operation.failures, error] : operation.failures;
      update({ ...operation, parts: operation.parts - 1, failures });
      if (operation.parts <= 1) finish(id, failures[0]);
    },
    running: (resourceId) =>
      store
        .list<string>('running', `${resourceId.toLowerCase()}\n`)
        .flatMap(([, id]) => get(id) ?? [])
        .filter((operation) => operation.status === 'InProgress'),
    onFinished: (kind, run) => void listeners.set(kind, run),
    onAnyFinished: (run) => void everyone.push(run),
    headers: locate,
    poll(id, query) {
      const operation = get(id);
      if (!operation) throw new ArmError(404, 'NotFound', `The operation '${id}' was not found.`);
      if (query.get('s') !== signatureOf(operation))
        throw new ArmError(401, 'InvalidAuthenticationInfo', 'The signature of the operation is missing or wrong.');
      const headers = { 'retry-after': String(retryAfterSeconds(operation.namespace)) };
      if (query.get('monitor') === 'true') return monitorResponse(operation, locate(operation, 'location'));
      return { status: 200, headers: operation.status === 'InProgress' ? headers : {}, body: statusBody(operation) };
    },
  };
}

/** Azure signs the address of an operation; whoever polls must give it back as it was told, which is some 3 KB there. */
const signatureOf = ({ id, startedAt }: Operation): string =>
  createHash('sha256').update(`${id} ${startedAt}`).digest('base64url');

const runningKey = (operation: Operation): string => `${operation.resourceId.toLowerCase()}\n${operation.id}`;

function statusBody(operation: Operation): object {
  return {
    name: operation.id,
    startTime: new Date(operation.startedAt).toISOString(),
    ...(operation.endedAt && { endTime: new Date(operation.endedAt).toISOString() }),
    status: operation.status,
    ...(operation.error && { error: operation.error }),
    ...(operation.output !== undefined && { properties: { output: operation.output } }),
  };
}

function monitorResponse(operation: Operation, headers: Record<string, string>): SimResponse {
  if (operation.status === 'InProgress') return { status: 202, headers };
  if (operation.error) return { status: 409, body: { error: operation.error } };
  return operation.output === undefined ? { status: 200 } : { status: 200, body: operation.output as object };
}
