import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { WorkerLost, type AppWorker } from '../contract';
import { MAX_BODY_BYTES, Refusal, type Exchange } from './exchange';
import type { RouteMatch } from './routes';
import { asString, toTriggerMetadata } from './trigger-metadata';

/** While a lost process is replaced, its successor's server is asked for this often. */
const RECONNECT_MS = 50;

/**
 * Stream mode: the app called `app.setup({ enableHttpStream: true })`, so the SDK runs a server of its own in the child and
 * takes request and response there, matched to the invocation by a header. Both are begun at once; each waits for the other.
 * @throws what the invocation throws; WorkerLost when the child's server broke off; Refusal 413.
 */
export async function proxyToFunction(
  worker: AppWorker,
  exchange: Exchange,
  match: RouteMatch,
  invocationId: string,
): Promise<void> {
  if (Number(exchange.request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw new Refusal({ status: 413 });
  const ended = new AbortController();
  const invoked = worker.invoke({
    functionName: match.route.functionName,
    invocationId,
    data: { http: {} },
    triggerMetadata: toTriggerMetadata(exchange, match.params, asString),
  });
  invoked.catch(() => ended.abort()); // a function that threw never answers its request
  const passed = pass(worker, exchange, invocationId, ended.signal);
  passed.catch(() => undefined); // where the invocation fails, its error says more
  await invoked;
  await passed;
}

async function pass(worker: AppWorker, exchange: Exchange, invocationId: string, ended: AbortSignal): Promise<void> {
  const upstream = await connect(worker, exchange, invocationId, ended);
  const answered = pipeBack(upstream, exchange);
  exchange.request.pipe(limitBody(upstream)).pipe(upstream);
  await answered;
}

/** The body is not touched before a connection stands, so that a refused one can be tried again. */
async function connect(
  worker: AppWorker,
  exchange: Exchange,
  invocationId: string,
  ended: AbortSignal,
): Promise<ClientRequest> {
  for (;;) {
    const upstream = openUpstream(worker.httpStreamUrl!, exchange, invocationId, ended);
    if (await isConnected(upstream)) return upstream;
    ended.throwIfAborted();
    await wait(RECONNECT_MS);
  }
}

function openUpstream(
  baseUrl: string,
  { request, url }: Exchange,
  invocationId: string,
  ended: AbortSignal,
): ClientRequest {
  return httpRequest(new URL(url.pathname + url.search, baseUrl), {
    method: request.method,
    agent: false, // a kept connection may lead to a process that is gone
    signal: ended,
    headers: {
      ...request.headers,
      'x-ms-invocation-id': invocationId,
      'x-forwarded-host': request.headers.host ?? 'localhost',
      'x-forwarded-proto': 'http',
    },
  });
}

function isConnected(upstream: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    upstream.once('error', () => resolve(false));
    upstream.once('socket', (socket) => socket.once('connect', () => resolve(true)));
  });
}

/** Chunked bodies tell no length beforehand. */
function limitBody(upstream: ClientRequest): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done): void {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) upstream.destroy(new Error('The request body is larger than 100 MB.'));
      else done(null, chunk);
    },
  });
}

function pipeBack(upstream: ClientRequest, { response }: Exchange): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new WorkerLost(`The stream to the function broke off: ${error.message}`));
    upstream.on('error', fail);
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, ownHeaders(answer));
      answer.on('error', fail).on('end', resolve).pipe(response);
    });
    response.on('close', () => response.writableFinished || upstream.destroy(new Error('the caller went away')));
  });
}

/** Without those that describe the inner connection, and the SDK's own mark. */
function ownHeaders({ headers }: IncomingMessage): IncomingMessage['headers'] {
  const inner = new Set(['connection', 'keep-alive', 'transfer-encoding', 'x-ms-invocation-id']);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !inner.has(name)));
}
