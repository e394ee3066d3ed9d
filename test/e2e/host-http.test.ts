import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scaledClock, type Clock } from '../../local/clock';
import { startHost, type FunctionsHost, type LogLine } from '../../local/host';
import { buildWorkerEntry, SAMPLE_APP } from '../support/host-sample/build-entry';
import { eventually, realClock } from '../support/host-sample/durable-host';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'host-http-'));
  folders.push(folder);
  return folder;
};
const started: FunctionsHost[] = [];
afterAll(async () => {
  await Promise.all(started.map((host) => host.stop()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

interface Settings {
  stateDir?: string;
  clock?: Clock;
  env?: Record<string, string>;
}
async function start({ stateDir = newFolder(), clock = realClock(), env = {} }: Settings = {}): Promise<Started> {
  const lines: LogLine[] = [];
  const host = await startHost({
    appDir: SAMPLE_APP,
    stateDir,
    port: 0,
    clock,
    workerEntry: buildWorkerEntry(),
    env: { COUNTER_DIR: stateDir, SAMPLE_HUB: 'SampleHub', TICK_SCHEDULE: '0 0 0 1 1 *', ...env },
    log: (line) => lines.push(line),
  });
  started.push(host);
  return { ...host, lines, stateDir };
}
interface Started extends FunctionsHost {
  lines: LogLine[];
  stateDir: string;
}
function notes(host: Started, file: string): Record<string, unknown>[] {
  const path = join(host.stateDir, file);
  const text = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

let host: Started;
beforeAll(async () => {
  host = await start();
});
const post = (path: string, body?: unknown): Promise<Response> =>
  fetch(host.url + path, { method: 'POST', body: body === undefined ? undefined : JSON.stringify(body) });

describe('the sample app over HTTP', () => {
  test('gets raw bytes, parameters and query, and answers bytes, headers and cookies', async () => {
    const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
    const response = await fetch(`${host.url}/api/echo/bob?q=%C3%BC`, { method: 'PUT', body: bytes });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-method')).toBe('PUT');
    expect(response.headers.get('x-params')).toBe('{"name":"bob"}');
    expect(response.headers.get('x-query')).toBe('q=%C3%BC');
    expect(response.headers.getSetCookie()).toEqual(['seen=yes; HttpOnly; SameSite=Lax']);
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0);
  });

  test('is opened by the host key and by nothing else', async () => {
    expect((await fetch(`${host.url}/api/locked`)).status).toBe(401);
    expect((await fetch(`${host.url}/api/locked?code=x`)).status).toBe(401);
    expect(await (await fetch(`${host.url}/api/locked?code=${host.keys.default}`)).json()).toEqual({ open: true });
  });

  test('that returns nothing is 204, and that throws is 500 with an empty body', async () => {
    expect((await fetch(`${host.url}/api/nothing`)).status).toBe(204);
    const thrown = await fetch(`${host.url}/api/throws`);
    expect([thrown.status, await thrown.text()]).toEqual([500, '']);
    expect(host.lines.some(({ message }) => message.includes('a detail for the log only'))).toBe(true);
  });

  test('knows where it is, and what it runs on', async () => {
    const variables = await (await fetch(`${host.url}/api/variables`)).json();
    expect(variables).toMatchObject({ WEBSITE_HOSTNAME: new URL(host.url).host, FUNCTIONS_WORKER_RUNTIME: 'node' });
  });

  test('that ends its process is 502, and the next request is served', async () => {
    expect((await post('/api/exit')).status).toBe(502);
    expect((await fetch(`${host.url}/api/echo`)).status).toBe(201);
  });

  test('that spins does not keep the host from answering', async () => {
    let isSpinning = true;
    const spinning = post('/api/spin/600').finally(() => (isSpinning = false));
    const status = await fetch(`${host.url}/admin/host/status?code=${host.keys.master}`);
    expect([status.status, isSpinning]).toEqual([200, true]);
    expect(await (await spinning).text()).toBe('spun');
  });
});

describe('the durable client of the SDK', () => {
  const durable = async (operation: string, id: string, body: object = {}): Promise<unknown> => {
    const response = await post(`/api/durable/${operation}/${id}`, body);
    if (response.status !== 200) throw new Error(`${operation}: HTTP ${response.status}`);
    return response.json();
  };
  const links = async (path: string, input?: unknown): Promise<Record<string, string>> =>
    (await (await post(`/api/start/${path}`, input)).json()) as Record<string, string>;
  const ended = (uri: string): Promise<Record<string, unknown>> =>
    eventually(async () => {
      const response = await fetch(uri);
      return response.status === 200 ? ((await response.json()) as Record<string, unknown>) : undefined;
    }, uri);

  test('starts an orchestration whose links, given to the caller, can be followed from outside', async () => {
    const urls = await links('main', { key: 'links', timerMs: 10 });
    expect(urls.statusQueryGetUri).toContain(`${host.url}/runtime/webhooks/durabletask/instances/${urls.id}?`);
    await eventually(async () => {
      const status = (await (await fetch(urls.statusQueryGetUri!)).json()) as { customStatus: unknown };
      return status.customStatus === 'waiting';
    }, 'waiting');
    const approval = { method: 'POST', body: '{"by":"me"}', headers: { 'content-type': 'application/json' } };
    expect((await fetch(urls.sendEventPostUri!.replace('{eventName}', 'Approval'), approval)).status).toBe(202);
    const status = await ended(urls.statusQueryGetUri!);
    expect(status).toMatchObject({
      runtimeStatus: 'Completed',
      output: { sum: 2870, approved: { by: 'me' }, sub: 14 },
    });
  });

  test('sees status and history, and raises events', async () => {
    await links('waitsForGo/seen', { a: 1 });
    expect(await durable('status', 'seen')).toMatchObject({ input: { a: 1 }, output: null, instanceId: 'seen' });
    await durable('raise', 'seen', { name: 'Go', data: ['x'] });
    expect(await (await post('/api/wait/seen')).json()).toEqual(['x']);
    const status = (await durable('status', 'seen')) as { history: unknown[] };
    expect(status.history.length).toBeGreaterThan(1);
  });

  test('suspends, resumes, terminates and purges', async () => {
    const { statusQueryGetUri } = await links('waitsForGo/steered');
    const isNow = (runtimeStatus: string): Promise<unknown> =>
      eventually(
        async () => ((await durable('status', 'steered')) as { runtimeStatus: string }).runtimeStatus === runtimeStatus,
        runtimeStatus,
      );
    await durable('suspend', 'steered');
    await isNow('Suspended');
    await durable('resume', 'steered');
    await isNow('Running');
    await durable('terminate', 'steered', { reason: 'enough' });
    expect(await ended(statusQueryGetUri!)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
    expect(await durable('purge', 'steered')).toEqual({ instancesDeleted: 1 });
    expect((await fetch(statusQueryGetUri!)).status).toBe(404);
    expect(await durable('purge', 'steered')).toEqual({ instancesDeleted: 0 });
  });

  test('lists by state', async () => {
    const { statusQueryGetUri } = await links('failing/broken');
    await ended(statusQueryGetUri!);
    const failed = (await durable('failed', '-')) as { instanceId: string }[];
    expect(failed.map(({ instanceId }) => instanceId)).toContain('broken');
    expect(((await durable('all', '-')) as unknown[]).length).toBeGreaterThanOrEqual(failed.length);
  });

  test('signals and reads entities', async () => {
    expect(await durable('read', 'fresh')).toMatchObject({ entityExists: false });
    await durable('signal', 'fresh', { name: 'add', data: 4 });
    await eventually(
      async () => ((await durable('read', 'fresh')) as { entityState?: number }).entityState === 4,
      'entity state 4',
    );
  });

  test('is told of what cannot be done', async () => {
    expect((await post('/api/start/nope')).status).toBe(500);
    expect(host.lines.some(({ message }) => message.includes('nope'))).toBe(true);
    await links('waitsForGo/twice');
    const again = `${host.url}/runtime/webhooks/durabletask/orchestrators/waitsForGo/twice?code=${host.keys.systemKeys.durabletask_extension}`;
    expect((await fetch(again, { method: 'POST' })).status).toBe(409);
    expect((await fetch(again.replace('twice', '@a@b'), { method: 'POST' })).status).toBe(400);
  });
});

describe('Event Grid', () => {
  const deliver = (events: object[]): Promise<Response> => {
    const url = `${host.url}/runtime/webhooks/EventGrid?functionName=onEvent&code=${host.keys.systemKeys.eventgrid_extension}`;
    return fetch(url, { method: 'POST', headers: { 'aeg-event-type': 'Notification' }, body: JSON.stringify(events) });
  };
  const event = (id: string, data: object = {}): object => ({
    id,
    subject: 's',
    eventType: 't',
    dataVersion: '1',
    data,
  });

  test('delivers each event of a batch, and asks for the batch again when one fails', async () => {
    expect((await deliver([event('a'), event('b')])).status).toBe(202);
    expect(notes(host, 'events')).toEqual(expect.arrayContaining([event('a'), event('b')]));
    expect((await deliver([event('c', { fail: true })])).status).toBe(500);
  });
});

describe('timers', () => {
  test('follow the clock of the host, and notice over a restart what they missed', async () => {
    const stateDir = newFolder();
    const real = Date.now();
    const at = (text: string): Clock =>
      scaledClock({ realEpochMs: Date.now(), simulatedEpochMs: Date.parse(text), scale: 600 });
    const env = { TICK_SCHEDULE: '0 * * * * *' };
    const first = await start({ stateDir, env, clock: at('2026-01-01T00:00:30Z') });
    await eventually(() => notes(first, 'ticks').length >= 2, 'two ticks');
    await first.stop();
    expect(Date.now() - real).toBeLessThan(15_000); // two simulated minutes are a fifth of a second
    const before = notes(first, 'ticks').length;
    const second = await start({ stateDir, env, clock: at('2026-01-02T00:00:30Z') });
    await eventually(() => notes(second, 'ticks').length > before, 'the tick that was missed');
    const missed = notes(second, 'ticks')[before] as { isPastDue: boolean; scheduleStatus: { last: string } };
    expect(notes(first, 'ticks')[0]).toMatchObject({
      isPastDue: false,
      scheduleStatus: { last: '0001-01-01T00:00:00' },
    });
    expect(missed.isPastDue).toBe(true);
    expect(missed.scheduleStatus.last).toMatch(/^2026-01-01T00:/);
    await second.stop();
  });

  test('run at once when asked by the master key', async () => {
    const run = (key: string): Promise<Response> =>
      fetch(`${host.url}/admin/functions/tick?code=${key}`, { method: 'POST', body: '{}' });
    expect((await run(host.keys.default)).status).toBe(401);
    expect((await run(host.keys.master)).status).toBe(202);
    await eventually(() => notes(host, 'ticks').length === 1, 'a tick');
  });
});

describe('stream mode', () => {
  let streaming: Started;
  beforeAll(async () => {
    streaming = await start({ env: { SAMPLE_STREAM: '1' } });
  });

  test('passes a response on while the function still writes it', async () => {
    const response = await fetch(`${streaming.url}/api/stream`);
    expect(response.headers.get('x-streamed')).toBe('yes');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe('first\n'); // the second line is held back until it is asked for
    await fetch(`${streaming.url}/api/release`, { method: 'POST' });
    expect((await reader.read()).value).toBe('second\n');
    expect((await reader.read()).done).toBe(true);
  });

  test('passes requests on with parameters, query and bytes', async () => {
    const response = await fetch(`${streaming.url}/api/echo/bob?q=1`, {
      method: 'POST',
      body: Uint8Array.from([1, 0, 255]),
    });
    expect([response.status, response.headers.get('x-params'), response.headers.get('x-query')]).toEqual([
      201,
      '{"name":"bob"}',
      'q=1',
    ]);
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([1, 0, 255]);
  });

  test('makes a function that throws 500, and one that ends its process 502', async () => {
    expect((await fetch(`${streaming.url}/api/throws`)).status).toBe(500);
    expect((await fetch(`${streaming.url}/api/exit`, { method: 'POST' })).status).toBe(502);
    await eventually(async () => (await fetch(`${streaming.url}/api/echo`)).status === 201, 'the next request');
  });
});
