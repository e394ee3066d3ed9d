import { randomUUID } from 'node:crypto';
import type { Delivered, InstanceFilter, InstanceStatus, RuntimeStatus } from '../contract';
import type { DurableCall } from './durable-call';
import { managementUrls } from './durable-links';
import { parseJson, type Reply } from './exchange';

const DEFAULT_PAGE = 100;
const ENDED: readonly RuntimeStatus[] = ['Completed', 'Failed', 'Terminated', 'Canceled'];

/** `GET` and `DELETE` on `instances/`: list by page, purge by filter. */
export async function answerInstances(call: DurableCall): Promise<Reply> {
  const filter = readFilter(call);
  if (call.method === 'GET') return listInstances(call, filter);
  if (call.method !== 'DELETE') return { status: 404 };
  if (filter.createdTimeFrom === undefined) {
    return { status: 400, body: { Message: "Please provide value for 'createdTimeFrom' parameter." } };
  }
  return purged(await call.hub.purge(filter));
}

async function listInstances(call: DurableCall, filter: InstanceFilter): Promise<Reply> {
  const token = call.exchange.request.headers['x-ms-continuation-token'];
  const top = Number(call.query.get('top') ?? DEFAULT_PAGE) || DEFAULT_PAGE;
  const page = await call.hub.list({
    ...filter,
    top,
    continuationToken: typeof token === 'string' ? token : undefined,
  });
  return {
    status: 200,
    body: page.instances.map((status) => shown(call, status)),
    ...(page.continuationToken && { headers: { 'x-ms-continuation-token': page.continuationToken } }),
  };
}

function readFilter({ query }: DurableCall): InstanceFilter {
  const text = (name: string): string | undefined => query.get(name) || undefined;
  return {
    createdTimeFrom: text('createdTimeFrom'),
    createdTimeTo: text('createdTimeTo'),
    runtimeStatus: text('runtimeStatus')
      ?.split(',')
      .map((status) => status.trim() as RuntimeStatus),
    instanceIdPrefix: text('instanceIdPrefix'),
  };
}

const purged = (count: number): Reply =>
  count === 0 ? { status: 404 } : { status: 200, body: { instancesDeleted: count } };

/** Everything below `instances/{id}`. */
export async function answerInstance(call: DurableCall): Promise<Reply> {
  const [instanceId = '', action = '', detail = ''] = call.path;
  if (action === '' && call.method === 'GET') return getStatus(call, instanceId);
  if (action === '' && call.method === 'DELETE') return purged(await call.hub.purge({ instanceId }));
  if (call.method !== 'POST') return { status: 404 };
  const reason = call.query.get('reason') ?? '';
  switch (action.toLowerCase()) {
    case 'raiseevent':
      return raiseEvent(call, instanceId, detail);
    case 'terminate':
      return delivered(await call.hub.terminate(instanceId, reason));
    case 'suspend':
      return delivered(await call.hub.suspend(instanceId, reason));
    case 'resume':
      return delivered(await call.hub.resume(instanceId, reason));
    case 'restart':
      return restart(call, instanceId);
    case 'rewind':
      return { status: 501, body: 'The rewind operation is not supported by this host.' };
    default:
      return { status: 404 };
  }
}

const DELIVERED_STATUS: Record<Delivered, number> = { accepted: 202, gone: 410, unknown: 404 };
const delivered = (outcome: Delivered): Reply => ({ status: DELIVERED_STATUS[outcome] });

async function raiseEvent(call: DurableCall, instanceId: string, name: string): Promise<Reply> {
  const type = call.exchange.request.headers['content-type'];
  if (name === '') return { status: 400, body: { Message: 'The URL names no event.' } };
  if (call.body !== '' && type !== undefined && !/json/i.test(type)) {
    return { status: 400, body: { Message: 'Only application/json request content is supported.' } };
  }
  return delivered(await call.hub.raiseEvent(instanceId, name, parseJson(call.body) ?? null));
}

async function getStatus(call: DurableCall, instanceId: string): Promise<Reply> {
  const { query } = call;
  const history = isTrue(query, 'showHistory');
  const show = { history, historyOutput: isTrue(query, 'showHistoryOutput'), input: showsInput(query) };
  const status = await call.hub.status(instanceId, show);
  if (!status) return { status: 404 };
  const body = shown(call, status);
  if (!ENDED.includes(status.runtimeStatus)) {
    return { status: 202, headers: { location: call.exchange.url.href, 'retry-after': '5' }, body };
  }
  const failed = status.runtimeStatus === 'Failed' && isTrue(query, 'returnInternalServerErrorOnFailure');
  return { status: failed ? 500 : 200, body };
}

const isTrue = (query: URLSearchParams, name: string): boolean => /^true$/i.test(query.get(name) ?? '');
const showsInput = (query: URLSearchParams): boolean => !/^false$/i.test(query.get('showInput') ?? '');

/**
 * `input` and `output` must be present or durable-functions throws; it reads `history`, while the extension sends
 * `historyEvents`: both are there.
 */
function shown({ query }: DurableCall, status: InstanceStatus): object {
  const { input, output, historyEvents, ...rest } = status;
  return {
    ...rest,
    input: showsInput(query) ? (input ?? null) : null,
    output: output ?? null,
    ...(historyEvents && { historyEvents, history: historyEvents }),
  };
}

/** Starts the same orchestration with the same input, under a new id unless told otherwise. */
async function restart(call: DurableCall, instanceId: string): Promise<Reply> {
  const status = await call.hub.status(instanceId, { input: true });
  if (!status) return { status: 404 };
  const keepsId = /^false$/i.test(call.query.get('restartWithNewInstanceId') ?? '');
  const newId = keepsId ? instanceId : randomUUID().replaceAll('-', '');
  await call.hub.start({ name: status.name, instanceId: newId, input: status.input });
  const links = managementUrls(call.links(), encodeURIComponent(newId));
  return { status: 202, headers: { location: links.statusQueryGetUri! }, body: { ...links, id: newId } };
}
