import type { z } from 'zod';
import { ROUTES, type Route } from '../shared/routes';
import type { Connection } from './connection';
import { EXIT, exitOfStatus } from './exit-codes';
import { Failure, refusal, type Problem } from './failure';

type Routes = typeof ROUTES;
export type RouteName = keyof Routes;

type ParamsIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamsIn<Rest>
  : never;
type QueryOf<R> = R extends { query: infer Q }
  ? { [Name in keyof Q]?: Q[Name] extends z.ZodType ? z.output<Q[Name]> : never }
  : Record<string, never>;
type BodyOf<R> = R extends { body: infer B extends z.ZodType } ? { body: z.input<B> } : { body?: never };
type AnswersOf<R> = R extends { answers: infer A }
  ? {
      [Status in keyof A]: A[Status] extends { schema: infer S extends z.ZodType }
        ? { status: Status; body: z.output<S> }
        : never;
    }[keyof A]
  : never;

/** What a route needs: its path's parameters, its body, and any of its query. All read off the route table. */
export type RequestOf<Name extends RouteName> = {
  params: Record<ParamsIn<Routes[Name]['path']>, string>;
  query?: QueryOf<Routes[Name]>;
} & BodyOf<Routes[Name]>;

export type AnswerOf<Name extends RouteName> = AnswersOf<Routes[Name]>;

export interface Client {
  /** Throws a Failure for every refusal, and when nobody answers. */
  call<Name extends RouteName>(name: Name, request: RequestOf<Name>): Promise<AnswerOf<Name>>;
  /** True when Starling runs on this machine, where asking often costs nothing. */
  readonly isLocal: boolean;
}

/** Requests wait this long for a first byte. Journals come through run command, which takes tens of seconds. */
const TIMEOUT_MS = 100_000;

export function createClient(connection: Connection): Client {
  return {
    isLocal: connection.isLocal,
    async call(name, request) {
      const response = await send(connection, name, request as AnyRequest);
      return (await read(name, response)) as AnswerOf<typeof name>;
    },
  };
}

interface AnyRequest {
  params: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
}

async function send({ url, authorize }: Connection, name: RouteName, request: AnyRequest): Promise<Response> {
  const address = url + pathOf(name, request);
  const headers = { ...(await authorize()), ...(request.body === undefined ? {} : JSON_BODY) };
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    // A redirect would carry the key to another host.
    return await fetch(address, { method: ROUTES[name].method, headers, body, signal, redirect: 'error' });
  } catch (error) {
    throw unreachable(url, error);
  }
}

const JSON_BODY = { 'content-type': 'application/json' };

function pathOf(name: RouteName, { params, query = {} }: AnyRequest): string {
  const path = ROUTES[name].path.replace(/\{(\w+)\}/g, (_, param: string) => encodeURIComponent(params[param] ?? ''));
  const given = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, `${value}`] as [string, string]],
  );
  return `/api/${path}${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`;
}

function unreachable(url: string, error: unknown): Failure {
  const cause = error instanceof Error ? error.cause : undefined;
  const reason = String((cause as { code?: string } | undefined)?.code ?? (error as Error).message);
  return new Failure(
    'UNREACHABLE',
    `Starling does not answer at ${url} (${reason})`,
    'start it with npm start, or set STARLING_URL to where it runs',
    EXIT.unavailable,
  );
}

async function read(name: RouteName, response: Response): Promise<{ status: number; body: unknown }> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const body = /[/+]json/.test(type) ? parse(text) : text;
  const { answers }: Route = ROUTES[name];
  const answer = answers[response.status];
  if (!response.ok || !answer) throw failureOf(response, body);
  // Text comes as text, or as a JSON string from a host that knows nothing else.
  if (!answer.contentType && typeof body === 'string') throw notStarling(response);
  return { status: response.status, body };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // cut off, or not what its header says: judged by the caller
  }
}

function failureOf(response: Response, body: unknown): Failure {
  if (isProblem(body)) return refusal(body);
  const { status } = response;
  if (status === 401 || status === 403)
    return new Failure(
      'SIGN_IN_REFUSED',
      `Starling at ${originOf(response)} refused the key or the sign-in (${status})`,
      'check STARLING_KEY; with Entra ID, sign in with az login and check STARLING_RESOURCE',
      EXIT.refused,
    );
  return notStarling(response);
}

const isProblem = (body: unknown): body is Problem =>
  typeof body === 'object' && body !== null && typeof (body as Problem).code === 'string' && 'status' in body;

const originOf = ({ url }: Response): string => (url ? new URL(url).origin : 'this address');

const notStarling = (response: Response): Failure =>
  new Failure(
    'NOT_STARLING',
    `${originOf(response)} answered ${response.status} in a way that Starling does not`,
    'check STARLING_URL; the app and this program must be of the same release',
    response.ok ? EXIT.unavailable : exitOfStatus(response.status === 404 ? 503 : response.status),
  );
