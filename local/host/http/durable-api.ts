import { InstanceExists, InvalidInstanceId, PayloadTooLarge, UnknownFunction } from '../contract';
import { answerInstance, answerInstances } from './durable-instances';
import type { DurableApiContext, DurableCall } from './durable-call';
import { managementUrls } from './durable-links';
import { parseJson, pathSegments, readBody, Refusal, type Exchange, type Reply } from './exchange';

/**
 * The durable client's HTTP API, below `/runtime/webhooks/durabletask/` (with a key, checked before) and below the
 * loopback URL that the SDK in the app's process uses. `path` is what follows that base.
 */
export async function answerDurable(context: DurableApiContext, exchange: Exchange, path: string): Promise<Reply> {
  const [kind = '', ...rest] = pathSegments(path);
  const body = (await readBody(exchange.request)).toString('utf8');
  const call: DurableCall = {
    ...context,
    exchange,
    method: exchange.method,
    query: exchange.url.searchParams,
    body,
    path: rest,
  };
  try {
    return await answerKind(call, kind.toLowerCase());
  } catch (error) {
    return refusalOf(error);
  }
}

function answerKind(call: DurableCall, kind: string): Promise<Reply> | Reply {
  if (kind === 'orchestrators' && call.method === 'POST') return startInstance(call);
  if (kind === 'entities') return answerEntity(call);
  if (kind !== 'instances') return { status: 404 };
  return call.path.length === 0 ? answerInstances(call) : answerInstance(call);
}

/** Errors of the engine as the extension reports them; anything else is a bug and goes on. */
function refusalOf(error: unknown): Reply {
  if (error instanceof Refusal) return error.reply;
  if (error instanceof InstanceExists) return { status: 409, body: { Message: error.message } };
  if (error instanceof UnknownFunction || error instanceof InvalidInstanceId) {
    return { status: 400, body: { Message: error.message } };
  }
  if (error instanceof PayloadTooLarge) return { status: 413, body: { Message: error.message } };
  throw error;
}

async function startInstance(call: DurableCall): Promise<Reply> {
  const [name = '', given] = call.path;
  const version = call.query.get('version') ?? undefined;
  const started = await call.hub.start({ name, instanceId: given || undefined, input: parseJson(call.body), version });
  const finished = await waitForEnd(call, started.instanceId);
  return finished ?? startedReply(call, started.instanceId);
}

function startedReply(call: DurableCall, instanceId: string): Reply {
  const links = managementUrls(call.links(), encodeURIComponent(instanceId));
  return {
    status: 202,
    headers: { location: links.statusQueryGetUri!, 'retry-after': '10' },
    body: { ...links, id: instanceId },
  };
}

/** `?timeout=&pollingInterval=` in seconds: the answer waits for the end, and falls back to the links. */
async function waitForEnd({ query, hub, clock }: DurableCall, instanceId: string): Promise<Reply | undefined> {
  const timeoutMs = Number(query.get('timeout') ?? 0) * 1000;
  if (!(timeoutMs > 0)) return undefined;
  const pauseMs = Math.max(Number(query.get('pollingInterval') ?? 1) * 1000, 100) || 1000;
  const deadline = clock.now() + timeoutMs;
  for (;;) {
    const status = await hub.status(instanceId, { input: true });
    if (status?.runtimeStatus === 'Completed')
      return { status: 200, body: Buffer.from(JSON.stringify(status.output)), headers: JSON_TYPE };
    if (status?.runtimeStatus === 'Failed') return { status: 500, body: status };
    if (status && ['Terminated', 'Canceled'].includes(status.runtimeStatus)) return { status: 200, body: status };
    if (clock.now() >= deadline) return undefined;
    await new Promise<void>((resolve) => void clock.at(Math.min(clock.now() + pauseMs, deadline), resolve));
  }
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

async function answerEntity(call: DurableCall): Promise<Reply> {
  const [name, key = ''] = call.path;
  if (!name) return { status: 501, body: { Message: 'Listing entities is not supported by this host.' } };
  if (call.method === 'POST') {
    await call.hub.signalEntity({ name, key }, call.query.get('op') ?? '', entityInput(call));
    return { status: 202 };
  }
  if (call.method !== 'GET') return { status: 404 };
  const { exists, state } = await call.hub.readEntity({ name, key });
  return exists
    ? { status: 200, body: Buffer.from(JSON.stringify(state ?? null)), headers: JSON_TYPE }
    : { status: 404 };
}

/** A body that says it is no JSON is taken as text, as the extension does. */
function entityInput({ exchange, body }: DurableCall): unknown {
  const type = exchange.request.headers['content-type'] ?? 'application/json';
  return /json/i.test(type) || body === '' ? parseJson(body) : body;
}
