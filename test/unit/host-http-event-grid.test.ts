import { InvocationFailure, WorkerLost } from '../../local/host/contract';
import { fakeWorker, hostFactory, type TestHost } from './host-http-fakes';

const hosts = hostFactory();
afterAll(() => hosts.close());

const received: { functionName: string; event: unknown }[] = [];
const record = ({ functionName, data }: { functionName: string; data: unknown }): object => {
  const event = JSON.parse((data as { json: string }).json) as { fail?: string };
  received.push({ functionName, event });
  if (event.fail === 'throws') throw new InvocationFailure('boom', { name: 'Error', message: 'boom' });
  if (event.fail === 'lost') throw new WorkerLost('gone');
  return {};
};

let host: TestHost;
beforeAll(async () => {
  const trigger = { type: 'eventGridTrigger' };
  const worker = fakeWorker({
    onEvent: { trigger, run: record },
    onMany: { trigger: { ...trigger, cardinality: 'many' }, run: record },
    off: { trigger, run: record },
    other: { trigger: { type: 'timerTrigger', schedule: '0 0 0 1 1 *' } },
  });
  host = await hosts.open(worker, undefined, { env: { AzureWebJobs__off__Disabled: '1' } });
});
beforeEach(() => received.splice(0));

const event = (id: string, more: object = {}): object => ({ id, eventType: 't', subject: 's', data: {}, ...more });
const cloudEvent = (id: string): object => ({ specversion: '1.0', id, type: 't', source: '/s', data: { id } });

interface Sent {
  functionName?: string;
  key?: string | null;
  headers?: Record<string, string>;
  path?: string;
  method?: string;
}
function send(body: unknown, sent: Sent = {}): Promise<Response> {
  const {
    functionName = 'onEvent',
    key = host.keys.systemKeys.eventgrid_extension,
    path = '/runtime/webhooks/eventgrid',
  } = sent;
  const { headers = { 'aeg-event-type': 'Notification' }, method = 'POST' } = sent;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const query = new URLSearchParams({ functionName, ...(key !== null && { code: key }) });
  return fetch(`${host.url}${path}?${query}`, { method, headers, body: method === 'POST' ? text : undefined });
}
const ids = (): unknown[] => received.map((item) => (item.event as { id: string }).id).sort();

describe('the Event Grid webhook', () => {
  test.each([null, 'wrong', 'default'])('refuses the key %s with 401', async (kind) => {
    const key = kind === 'default' ? host.keys.default : kind;
    expect((await send([event('1')], { key })).status).toBe(401);
    expect(received).toEqual([]);
  });

  test.each(['nope', '', 'other', 'off'])('does not know the function "%s"', async (functionName) => {
    expect((await send([event('1')], { functionName })).status).toBe(404);
  });

  test('answers the validation of its own schema with the code', async () => {
    const validation = [
      event('1', { eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'abc' } }),
    ];
    const response = await send(validation, { headers: { 'aeg-event-type': 'SubscriptionValidation' } });
    expect([response.status, await response.json()]).toEqual([200, { validationResponse: 'abc' }]);
    expect(received).toEqual([]);
  });

  test('refuses a validation without a code', async () => {
    expect((await send([event('1')], { headers: { 'aeg-event-type': 'SubscriptionValidation' } })).status).toBe(400);
  });

  test('calls the function once for each event of a batch, under whatever case of the path', async () => {
    const response = await send([event('1'), event('2')], { path: '/runtime/Webhooks/EventGrid' });
    expect(response.status).toBe(202);
    expect(ids()).toEqual(['1', '2']);
    expect(received[0]!.event).toEqual(event('1'));
  });

  test('calls a function of cardinality many once with the whole batch', async () => {
    expect((await send([event('1'), event('2')], { functionName: 'onmany' })).status).toBe(202);
    expect(received).toEqual([{ functionName: 'onMany', event: [event('1'), event('2')] }]);
  });

  test('makes the whole batch fail when one invocation does, after all have run', async () => {
    expect((await send([event('1', { fail: 'throws' }), event('2')])).status).toBe(500);
    expect(ids()).toEqual(['1', '2']);
    expect((await send([event('3', { fail: 'lost' })])).status).toBe(503);
  });

  test.each(['{', '', '[1]', '"text"', '[[]]'])('refuses the body %s with 400', async (body) => {
    expect((await send(body)).status).toBe(400);
  });

  test('refuses a message of no known kind', async () => {
    expect((await send([event('1')], { headers: {} })).status).toBe(400);
    expect((await send([event('1')], { headers: { 'aeg-event-type': 'Other' } })).status).toBe(400);
  });

  test('accepts an unsubscribe without calling anything', async () => {
    expect((await send([event('1')], { headers: { 'aeg-event-type': 'Unsubscribe' } })).status).toBe(202);
    expect(received).toEqual([]);
  });
});

describe('CloudEvents', () => {
  test('are agreed to by echoing the origin that asks', async () => {
    const response = await send('', {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'eventgrid.azure.net' },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('webhook-allowed-origin')).toBe('eventgrid.azure.net');
    expect(response.headers.get('webhook-allowed-rate')).toBe('*');
  });

  test('are not agreed to without a key or an origin', async () => {
    expect((await send('', { method: 'OPTIONS', headers: {} })).status).toBe(400);
    expect((await send('', { method: 'OPTIONS', key: null, headers: { 'webhook-request-origin': 'x' } })).status).toBe(
      401,
    );
  });

  test('come one by one or as a batch', async () => {
    expect(
      (await send(cloudEvent('1'), { headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' } }))
        .status,
    ).toBe(202);
    expect(
      (
        await send([cloudEvent('2'), cloudEvent('3')], {
          headers: { 'content-type': 'application/cloudevents-batch+json' },
        })
      ).status,
    ).toBe(202);
    expect(ids()).toEqual(['1', '2', '3']);
    expect(received[0]!.event).toEqual(cloudEvent('1'));
  });
});
