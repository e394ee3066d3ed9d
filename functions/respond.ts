import { z } from 'zod';
import { AppError, ERRORS, type ErrorCode } from '../shared/model/errors';
import type { Log } from '../shared/log';
import type { Orchestrator, World } from '../shared/ports';
import type { Route } from '../shared/routes';

/** One request, parsed and checked against its route. */
export interface Call<Body = unknown> {
  world: World;
  orchestrator: Orchestrator;
  log: Log;
  params: Record<string, string>;
  query: Record<string, string | number | undefined>;
  body: Body;
}

export interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** What comes in from the Functions runtime, without its types. */
export interface RawRequest {
  params: Record<string, string>;
  query: URLSearchParams;
  text(): Promise<string>;
  correlationId: string;
}

/** Larger than the largest body that means anything: a spec, or an attested document of 16 KB with claims. */
const MAX_BODY_BYTES = 64 * 1024;

/** For a "not now" that knows no better: masters, Azure and the engine come back in such times. */
const RETRY_LATER_MS = 10_000;

/** What goes out: JSON, or text such as a kubeconfig. */
export interface Response {
  status: number;
  jsonBody?: unknown;
  body?: string;
  headers: Record<string, string>;
}

/** parse → run → map errors. Never throws; nothing but the catalogue's codes gets out. */
export async function respond<Body>(
  route: Route,
  request: RawRequest,
  tools: Pick<Call, 'world' | 'orchestrator' | 'log'>,
  run: (call: Call<Body>) => Promise<Reply>,
): Promise<Response> {
  try {
    const query = parseQuery(route, request.query);
    const body = (route.body ? parseBody(route.body, await request.text(), route.maxBodyBytes) : undefined) as Body;
    const reply = await run({ ...tools, params: request.params, query, body });
    return {
      status: reply.status,
      ...bodyOf(route, reply),
      headers: { 'x-correlation-id': request.correlationId, ...typeOf(route, reply), ...reply.headers },
    };
  } catch (error) {
    return problem(error, request.correlationId, tools.log);
  }
}

const bodyOf = (route: Route, { status, body }: Reply): Pick<Response, 'body' | 'jsonBody'> =>
  route.answers[status]?.contentType ? { body: String(body) } : { jsonBody: body };

function typeOf(route: Route, { status }: Reply): Record<string, string> {
  const type = route.answers[status]?.contentType;
  return type ? { 'content-type': `${type}; charset=utf-8` } : {};
}

export function problem(error: unknown, correlationId: string, log: Log): Response {
  const known = error instanceof AppError;
  const code: ErrorCode = known ? error.code : 'INTERNAL';
  const { status, title } = ERRORS[code];
  if (status === 503) log.info('request.notNow', { code, correlationId, message: (error as AppError).message });
  else if (status >= 500)
    log.error('request.failed', { code, correlationId, message: error instanceof Error ? error.stack : String(error) });
  // What went wrong inside, and what Azure said to it, is the operator's to read in the log: nodes see this answer too.
  const mayTell = known && status !== 500;
  const detail = mayTell ? error.message : `${title}; the log has the reason under ${correlationId}.`;
  const extra = mayTell && typeof error.detail === 'object' ? error.detail : {};
  const retryAfterMs = (known ? error.retryAfterMs : undefined) ?? (status === 503 ? RETRY_LATER_MS : undefined);
  return {
    status,
    jsonBody: { type: `urn:starling:error:${code}`, title, status, code, detail, correlationId, ...extra },
    headers: {
      'content-type': 'application/problem+json',
      'x-correlation-id': correlationId,
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    },
  };
}

function parseBody(schema: z.ZodType, text: string, maxBytes = MAX_BODY_BYTES): unknown {
  if (Buffer.byteLength(text) > maxBytes)
    throw new AppError('BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`);
  if (text === '' && mayBeEmpty(schema)) return schema.parse({});
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new AppError(
      'BODY_NOT_JSON',
      text === '' ? 'the body is empty; JSON was expected' : `the body is not JSON: ${(cause as Error).message}`,
    );
  }
  return check(schema, json);
}

/** Of a verb whose fields are all optional the body may be left out. */
export const mayBeEmpty = (schema: z.ZodType): boolean => schema.safeParse({}).success;

function parseQuery(route: Route, query: URLSearchParams): Call['query'] {
  const pairs = [...query].filter(([name]) => name !== 'code'); // `code` is the function key
  const given = Object.fromEntries(pairs);
  // Of `?whatIf=true&whatIf=false` one would win, and the caller could have meant the other.
  const repeated = Object.keys(given).filter((name) => pairs.filter(([other]) => other === name).length > 1);
  if (repeated.length > 0) throw invalid(repeated.map((field) => ({ field, message: 'is given more than once' })));
  return check(z.strictObject(route.query ?? {}), given) as Call['query'];
}

/** Throws INVALID_REQUEST naming every bad field. */
export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.flatMap(fieldErrors));
}

export function invalid(errors: { field: string; message: string }[]): AppError {
  const text = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new AppError('INVALID_REQUEST', text, { detail: { errors } });
}

function fieldErrors(issue: z.core.$ZodIssue): { field: string; message: string }[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: path ? `${path}.${key}` : key, message: 'is not a known field' }));
  }
  return [{ field: path || 'body', message: issue.message }];
}
