import { WorkerLost, type AppWorker, type FunctionMetadata, type LogLine } from '../contract';
import { parseJson, readBody, Refusal, type Exchange, type Reply } from './exchange';

export interface EventGridContext {
  worker: AppWorker;
  log: (line: LogLine) => void;
}

type EventObject = Record<string, unknown>;

/**
 * The Event Grid extension's webhook, for both schemas. The key has been checked by then. A batch succeeds or fails whole:
 * any failing invocation makes it 500, so that the sender delivers all of it again.
 */
export async function answerEventGrid(context: EventGridContext, exchange: Exchange): Promise<Reply> {
  const name = exchange.url.searchParams.get('functionName') ?? '';
  const target = context.worker.find(name);
  if (target?.trigger.type !== 'eventGridTrigger') return { status: 404, body: `cannot find function: '${name}'` };
  if (exchange.method === 'OPTIONS') return cloudEventsHandshake(exchange);
  if (exchange.method !== 'POST') return { status: 405, headers: { allow: 'POST, OPTIONS' } };
  const kind = messageKind(exchange);
  if (kind === 'unsubscribe') return { status: 202 };
  const events = await readEvents(exchange);
  if (kind === 'subscriptionvalidation') return validate(events);
  if (kind !== 'notification') return { status: 400, body: 'The header aeg-event-type is missing or unknown.' };
  return deliver(context, target, events);
}

/** CloudEvents 1.0 names no kind in a header: whatever carries its content type is a notification. */
function messageKind({ request }: Exchange): string {
  const header = request.headers['aeg-event-type'];
  if (typeof header === 'string') return header.toLowerCase();
  const isCloudEvent = /^application\/cloudevents(-batch)?\+json/i.test(request.headers['content-type'] ?? '');
  return isCloudEvent ? 'notification' : '';
}

/** HTTP 1.1 Web Hooks for Event Delivery 1.0, §4: consent is told by echoing the origin. */
function cloudEventsHandshake({ request }: Exchange): Reply {
  const origin = request.headers['webhook-request-origin'];
  if (typeof origin !== 'string') return { status: 400, body: 'The header WebHook-Request-Origin is missing.' };
  return { status: 200, headers: { 'WebHook-Allowed-Origin': origin, 'WebHook-Allowed-Rate': '*' } };
}

/** `[{id, eventType, subject, data, …}]` or `{specversion: "1.0", type, source, data, …}` @throws Refusal 400 */
async function readEvents(exchange: Exchange): Promise<EventObject[]> {
  const parsed = parseJson((await readBody(exchange.request)).toString('utf8'));
  const events = Array.isArray(parsed) ? (parsed as unknown[]) : [parsed];
  const isObject = (item: unknown): item is EventObject =>
    typeof item === 'object' && item !== null && !Array.isArray(item);
  if (!events.every(isObject))
    throw new Refusal({ status: 400, body: 'The body must be an event or an array of events.' });
  return events;
}

function validate([event]: EventObject[]): Reply {
  const code = (event?.data as { validationCode?: unknown } | undefined)?.validationCode;
  if (typeof code !== 'string') return { status: 400, body: 'The event carries no data.validationCode.' };
  return { status: 200, body: { validationResponse: code } };
}

async function deliver(
  { worker, log }: EventGridContext,
  target: FunctionMetadata,
  events: EventObject[],
): Promise<Reply> {
  const takesMany = String(target.trigger.cardinality ?? 'one').toLowerCase() === 'many';
  const payloads: unknown[] = takesMany ? [events] : events;
  const outcomes = await Promise.allSettled(payloads.map((payload) => invoke(worker, target.name, payload)));
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
  for (const { reason } of failed) {
    const message = `Executed '${target.name}' (Failed): ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`;
    log({ level: 'error', category: `Function.${target.name}`, message });
  }
  if (failed.length === 0) return { status: 202 };
  return { status: failed.some(({ reason }) => reason instanceof WorkerLost) ? 503 : 500 };
}

function invoke(worker: AppWorker, functionName: string, payload: unknown): Promise<unknown> {
  const inner = (payload as { data?: unknown }).data ?? null;
  return worker.invoke({
    functionName,
    data: { json: JSON.stringify(payload) },
    triggerMetadata: { data: { json: JSON.stringify(inner) } },
  });
}
