import { randomUUID } from 'node:crypto';
import { WorkerLost, type AppWorker, type LogLine } from '../contract';
import { readBody, send, type Exchange, type Reply } from './exchange';
import { toSetCookie, type RpcCookie } from './set-cookie';
import { proxyToFunction } from './stream-proxy';
import { flatHeaders, toTriggerMetadata } from './trigger-metadata';
import type { RouteMatch } from './routes';

/** What a function answers over the worker protocol. */
interface RpcHttpResponse {
  statusCode?: string | number;
  headers?: Record<string, string>;
  cookies?: RpcCookie[];
  body?: { bytes?: Uint8Array; string?: string; json?: string };
}

export interface CallContext {
  worker: AppWorker;
  log: (line: LogLine) => void;
}

/** Runs the HTTP function that the route names and answers with what it returned; never throws. */
export async function callHttpFunction(context: CallContext, exchange: Exchange, match: RouteMatch): Promise<void> {
  const invocationId = randomUUID();
  try {
    if (context.worker.httpStreamUrl) return await proxyToFunction(context.worker, exchange, match, invocationId);
    const { returnValue } = await context.worker.invoke({
      functionName: match.route.functionName,
      invocationId,
      data: { http: await toRpcRequest(exchange, match.params) },
      triggerMetadata: toTriggerMetadata(exchange, match.params),
    });
    send(exchange.response, toReply((returnValue as { http?: RpcHttpResponse } | undefined)?.http));
  } catch (error) {
    send(exchange.response, failureReply(context, match.route.functionName, error));
  }
}

/** The caller learns nothing of an error but its status: details may hold secrets, and stand in the log. */
export function failureReply({ log }: CallContext, functionName: string, error: unknown): Reply {
  if (isReply(error)) return error.reply;
  const category = `Function.${functionName}`;
  log({ level: 'error', category, message: `Executed '${functionName}' (Failed): ${describe(error)}` });
  return { status: error instanceof WorkerLost ? 502 : 500 };
}

const isReply = (error: unknown): error is { reply: Reply } => error instanceof Error && 'reply' in error;

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const remote = (error as { remote?: { stack?: string } }).remote;
  return remote?.stack ?? error.stack ?? error.message;
}

async function toRpcRequest(exchange: Exchange, params: Record<string, string>): Promise<object> {
  const body = await readBody(exchange.request);
  return {
    method: exchange.method,
    url: exchange.url.href,
    headers: flatHeaders(exchange),
    query: Object.fromEntries(exchange.url.searchParams),
    params,
    ...(body.length > 0 && { body: { bytes: body } }),
  };
}

/** Headers that describe one connection; the server sets its own. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'trailer',
  'te',
]);

function toReply(http: RpcHttpResponse | undefined): Reply {
  if (!http) return { status: 204 };
  const headers = Object.entries(http.headers ?? {}).filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()));
  const cookies = (http.cookies ?? []).map(toSetCookie);
  return {
    status: Number(http.statusCode ?? 200),
    headers: { ...Object.fromEntries(headers), ...(cookies.length > 0 && { 'set-cookie': cookies }) },
    body: bodyBytes(http.body),
  };
}

function bodyBytes(body: RpcHttpResponse['body']): Buffer | undefined {
  if (body?.bytes) return Buffer.from(body.bytes);
  const text = body?.string ?? body?.json;
  return text === undefined ? undefined : Buffer.from(text);
}
