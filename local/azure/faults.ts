import type { Core } from './core';
import type { SimRequest, SimResponse } from './http';
import { isObject } from './json';
import { nextNumber } from './arm/resources';

/** A fault that was asked for through the control routes: which requests it hits, and what they get. */
export interface Fault {
  match: { method?: string; path?: string };
  /** How many requests it hits; unset: all until it is removed. */
  times?: number;
  status?: number;
  code?: string;
  retryAfterSeconds?: number;
  delayMs?: number;
  /** The request never arrives. */
  dropConnection?: boolean;
  /** The request is carried out, and only then the connection breaks: nobody learns of what was done. */
  dropAnswer?: boolean;
}

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  list(): Fault[];
  /** Serves the request, unless a fault that matches comes between: it waits, answers in the service's place, or hides its answer. */
  around(request: SimRequest, serve: () => Promise<SimResponse>): Promise<SimResponse>;
}

const COLLECTION = 'faults';
const DROPPED: SimResponse = { status: 0, drop: true };
const FIELDS = ['match', 'times', 'status', 'code', 'retryAfterSeconds', 'delayMs', 'dropConnection', 'dropAnswer'];

export function createFaults({ store, clock }: Core): Faults {
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void clock.at(clock.now() + ms, resolve));
  return {
    add: (fault) => store.put(COLLECTION, String(nextNumber(store, 'faults')).padStart(6, '0'), fault),
    clear: () => store.list(COLLECTION).forEach(([id]) => store.delete(COLLECTION, id)),
    list: () => store.list<Fault>(COLLECTION).map(([, fault]) => fault),
    async around(request, serve) {
      const hit = store.list<Fault>(COLLECTION).find(([, fault]) => hits(fault, request));
      if (!hit) return serve();
      const [id, fault] = hit;
      if (fault.times === 1) store.delete(COLLECTION, id);
      else if (fault.times) store.put(COLLECTION, id, { ...fault, times: fault.times - 1 });
      if (fault.delayMs) await wait(fault.delayMs);
      if (!fault.dropAnswer) return answerOf(fault) ?? serve();
      await serve();
      return DROPPED;
    },
  };
}

function hits({ match }: Fault, request: SimRequest): boolean {
  // as people write it: the SDKs send `$expand` as `%24expand`
  const path = request.url.pathname + request.url.search.replace(/%24/g, '$');
  const methodMatches = !match.method || match.method.toUpperCase() === request.method;
  return methodMatches && (!match.path || pathPattern(match.path).test(path));
}

/** A part of the path and query, or a regular expression where it has the signs of one; case does not matter. */
const pathPattern = (path: string): RegExp => new RegExp(isExpression(path) ? path : escaped(path), 'i');

/** A dollar sign inside belongs to a query such as `$expand`. */
const isExpression = (path: string): boolean => /[\\^*+()[\]|]|\$$/.test(path);
const escaped = (text: string): string => text.replace(/[.?$]/g, '\\$&');

function answerOf(fault: Fault): SimResponse | undefined {
  if (fault.dropConnection) return DROPPED;
  if (fault.status === undefined && fault.code === undefined) return undefined;
  const status = fault.status ?? 500;
  const code =
    fault.code ?? (status === 429 ? 'TooManyRequests' : status === 503 ? 'ServiceUnavailable' : 'InternalServerError');
  return {
    status,
    headers: fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) },
    body: { error: { code, message: `The request failed because a fault was asked for (${code}).` } },
  };
}

/** The fault in a control request's body, or what is wrong with it. */
export function parseFault(body: unknown): Fault | string {
  if (!isObject(body)) return 'the body must be a JSON object';
  const unknown = Object.keys(body).find((key) => !FIELDS.includes(key));
  if (unknown) return `unknown field '${unknown}'`;
  if (!isObject(body.match)) return "'match' must be an object with 'method' or 'path' or both";
  const wrong = Object.entries(body).find(([key, value]) => !isRight(key, value));
  if (wrong) return `'${wrong[0]}' must be ${EXPECTED[wrong[0]]}`;
  if (!EFFECTS.some((effect) => body[effect] !== undefined)) return `one of ${EFFECTS.join(', ')} is needed`;
  try {
    if (typeof body.match.path === 'string') pathPattern(body.match.path);
  } catch (error) {
    return `'match.path' is no regular expression: ${String(error)}`;
  }
  return body as unknown as Fault;
}

const EFFECTS = ['status', 'code', 'delayMs', 'dropConnection', 'dropAnswer'];
const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'];
const EXPECTED: Record<string, string> = {
  match: `an object with a 'path' in text or a 'method' of ${METHODS.join(', ')} or both`,
  times: 'a whole number from 1; leave it out for all requests',
  status: 'an HTTP status from 400 to 599',
  code: 'text',
  retryAfterSeconds: 'a whole number from 0',
  delayMs: 'a whole number from 0',
  dropConnection: 'true or false',
  dropAnswer: 'true or false',
};

function isRight(key: string, value: unknown): boolean {
  if (key === 'match') return Object.entries(value as object).every(([name, text]) => isRightMatch(name, text));
  if (key === 'code') return typeof value === 'string' && value !== '';
  if (key === 'dropConnection' || key === 'dropAnswer') return typeof value === 'boolean';
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  if (key === 'status') return value >= 400 && value <= 599;
  return value >= (key === 'times' ? 1 : 0);
}

const isRightMatch = (name: string, text: unknown): boolean =>
  typeof text === 'string' && (name === 'path' || (name === 'method' && METHODS.includes(text.toUpperCase())));
