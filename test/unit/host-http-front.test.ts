import { connect } from 'node:net';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InvocationFailure, WorkerLost, type Invocation } from '../../local/host/contract';
import { readBody } from '../../local/host/http/exchange';
import { listen } from '../../local/host/http/listener';
import { fakeHub, fakeWorker, hostFactory, type FakeFunction, type TestHost } from './host-http-fakes';

const hosts = hostFactory();
afterAll(() => hosts.close());

interface RpcRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  query: Record<string, string>;
  params: Record<string, string>;
  body?: { bytes: Uint8Array };
}
const rpc = ({ data }: Invocation): RpcRequest => (data as { http: RpcRequest }).http;
const reply = (http: object): { returnValue: { http: object } } => ({ returnValue: { http } });
const http = (run: FakeFunction['run'], settings: object = {}): FakeFunction => ({
  trigger: { type: 'httpTrigger', methods: ['GET', 'POST'], authLevel: 'anonymous', ...settings },
  run,
});

const app: Record<string, FakeFunction> = {
  echo: http(
    (invocation) => {
      const { body, ...rest } = rpc(invocation);
      return reply({ statusCode: '201', headers: { 'x-seen': JSON.stringify({ ...rest, headers: undefined }) }, body });
    },
    { route: 'echo/{name?}' },
  ),
  cookies: http(() => {
    const cookies = [
      {
        name: 'a',
        value: 'x y',
        path: { value: '/' },
        secure: { value: true },
        httpOnly: { value: true },
        sameSite: 'lax',
      },
      { name: 'b', value: '2', maxAge: { value: 0 }, expires: { value: { seconds: 0 } }, sameSite: 'explicitNone' },
    ];
    return reply({
      statusCode: '200',
      headers: { 'content-length': '999' },
      cookies,
      body: { bytes: Buffer.from('ok') },
    });
  }),
  silent: http(() => ({})),
  head: http(() => reply({ statusCode: '200', headers: { 'x-head': 'yes' }, body: { bytes: Buffer.from('body') } }), {
    methods: ['HEAD'],
  }),
  throws: http(() =>
    Promise.reject(new InvocationFailure('boom', { name: 'Error', message: 'boom', stack: 'secret stack' })),
  ),
  lost: http(() => Promise.reject(new WorkerLost('gone'))),
  locked: http(() => reply({ statusCode: '200' }), { authLevel: 'function' }),
  admins: http(() => reply({ statusCode: '200' }), { authLevel: 'admin' }),
  off: http(() => reply({ statusCode: '200' })),
  queued: { trigger: { type: 'queueTrigger' }, extraBindings: { out: { type: 'blob' } } },
  tick: { trigger: { type: 'timerTrigger', schedule: '0 0 0 1 1 *' } },
};

const poison = [{ instanceId: 'i', functionName: 'f', deaths: 3, reason: 'r' }];
const statistics = { turns: 0, activities: 0, entityBatches: 0, endedOrchestrations: 0 };
let host: TestHost;
beforeAll(async () => {
  const hub = fakeHub({ poison: () => poison, statistics: () => statistics } as never);
  host = await hosts.open(fakeWorker(app), hub, { env: { 'AzureWebJobs.off.Disabled': 'true' } });
});

describe('an HTTP function', () => {
  test('gets method, URL, query, parameters and raw bytes, and answers with status, headers and raw bytes', async () => {
    const bytes = Uint8Array.from([0, 255, 128, 10]);
    const response = await fetch(`${host.url}/api/ECHO/J%C3%BCrgen%2F1?q=a%20b&q2=`, { method: 'POST', body: bytes });
    expect(response.status).toBe(201);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
    expect(JSON.parse(response.headers.get('x-seen')!)).toMatchObject({
      method: 'POST',
      url: `${host.url}/api/ECHO/J%C3%BCrgen%2F1?q=a%20b&q2=`,
      query: { q: 'a b', q2: '' },
      params: { name: 'Jürgen%2F1' },
    });
  });

  test('sets cookies with their attributes, and a wrong content-length of its own is ignored', async () => {
    const response = await fetch(`${host.url}/api/cookies`);
    expect(await response.text()).toBe('ok');
    expect(response.headers.getSetCookie()).toEqual([
      'a=x%20y; Path=/; Secure; HttpOnly; SameSite=Lax',
      'b=2; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=None',
    ]);
  });

  test('that returns nothing is 204', async () => {
    expect((await fetch(`${host.url}/api/silent`)).status).toBe(204);
  });

  test('for HEAD sends headers without a body', async () => {
    const response = await fetch(`${host.url}/api/head`, { method: 'HEAD' });
    expect([response.status, response.headers.get('x-head'), await response.text()]).toEqual([200, 'yes', '']);
  });

  test('that throws is 500 with an empty body, and the error stands in the log', async () => {
    const response = await fetch(`${host.url}/api/throws`);
    expect([response.status, await response.text()]).toEqual([500, '']);
    expect(host.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringContaining('secret stack') }),
    );
  });

  test('whose worker is lost is 502 with an empty body', async () => {
    const response = await fetch(`${host.url}/api/lost`);
    expect([response.status, await response.text()]).toEqual([502, '']);
  });

  test.each(['/api/nope', '/echo', '/api/echo/a/b', '/api/off'])('%s is 404', async (path) => {
    expect((await fetch(host.url + path)).status).toBe(404);
  });

  test('under another method is 404, as in the real host', async () => {
    expect((await fetch(`${host.url}/api/echo`, { method: 'DELETE' })).status).toBe(404);
  });

  test('is not reached by a path that cannot be decoded', async () => {
    expect((await fetch(`${host.url}/api/echo/%E0%A4%A`)).status).toBe(400);
  });
});

describe('request bodies', () => {
  test('over 100 MB are refused by their declared length, before they are read', async () => {
    const answer = await rawRequest(
      host.url,
      'POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 104857601\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('without a length are cut off at the limit', async () => {
    const statuses: unknown[] = [];
    const listener = await listen(0, '127.0.0.1', async (request, response) => {
      await readBody(request, 10).catch((error: { reply: object }) => statuses.push(error.reply));
      response.end();
    });
    const chunk = 'b\r\nhello world\r\n';
    await rawRequest(
      `http://127.0.0.1:${listener.port}`,
      `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`,
    );
    await listener.close(0);
    expect(statuses).toEqual([expect.objectContaining({ status: 413 })]);
  });
});

describe('keys', () => {
  const status = async (path: string, key?: string): Promise<number> =>
    (await fetch(host.url + path, { headers: key === undefined ? {} : { 'x-functions-key': key } })).status;

  test('of level function: the host key or the master key, in the header or the query', async () => {
    const { default: key, master } = host.keys;
    expect(await status('/api/locked', key)).toBe(200);
    expect(await status('/api/locked', master)).toBe(200);
    expect(await status(`/api/locked?code=${key}`)).toBe(200);
  });

  test('missing, wrong, or of another level give 401 with an empty body', async () => {
    const { default: key, systemKeys } = host.keys;
    for (const wrong of [undefined, '', 'x', `${key}x`, systemKeys.eventgrid_extension])
      expect(await status('/api/locked', wrong)).toBe(401);
    expect(await (await fetch(`${host.url}/api/locked`)).text()).toBe('');
    expect(await status('/api/admins', key)).toBe(401);
    expect(await status('/api/admins', host.keys.master)).toBe(200);
  });

  test('are kept in a file of the owner alone and are the same after a restart, except for a host key given', async () => {
    const file = join(host.stateDir, 'keys.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(host.keys);
    const again = await hosts.open(fakeWorker({}), undefined, { stateDir: host.stateDir, hostKey: 'chosen' });
    expect(again.keys).toEqual({ ...host.keys, default: 'chosen' });
  });
});

describe('the page at /', () => {
  test('is shown without a key, unless a setting removes it', async () => {
    const shown = await fetch(`${host.url}/`);
    expect([shown.status, await shown.text()]).toEqual([200, expect.stringContaining('up and running')]);
    const plain = await hosts.open(fakeWorker({}), undefined, { env: { AzureWebJobsDisableHomepage: 'true' } });
    expect((await fetch(`${plain.url}/`)).status).toBe(204);
  });

  test('gives way to a function at the root', async () => {
    const hostJson = { extensions: { http: { routePrefix: '' } } } as never;
    const home = http(() => reply({ statusCode: '200', body: { bytes: Buffer.from('dashboard') } }), {
      route: '{ignored:maxlength(0)?}',
    });
    const own = await hosts.open(fakeWorker({ home }, { hostJson }));
    expect(await (await fetch(`${own.url}/`)).text()).toBe('dashboard');
  });
});

describe('admin routes', () => {
  const admin = (path: string, init: RequestInit = {}, key = host.keys.master): Promise<Response> =>
    fetch(`${host.url}/admin/${path}`, { ...init, headers: { 'x-functions-key': key } });

  test.each(['host/status', 'functions', 'host/poison', 'host/systemkeys/eventgrid_extension', 'nope'])(
    '%s needs the master key',
    async (path) => {
      expect((await admin(path, {}, host.keys.default)).status).toBe(401);
    },
  );

  test('tell the state, the functions, the keys and the poison', async () => {
    expect(await (await admin('host/status')).json()).toMatchObject({ state: 'Running', durable: statistics });
    expect(await (await admin('host/poison')).json()).toEqual({ poison });
    const functions = (await (await admin('functions')).json()) as { name: string }[];
    expect(functions.find(({ name }) => name === 'echo')).toMatchObject({
      invoke_url_template: `http://${new URL(host.url).host}/api/echo/{name?}`,
    });
    expect(functions.find(({ name }) => name === 'off')).toMatchObject({ isDisabled: true });
    const key = { name: 'eventgrid_extension', value: host.keys.systemKeys.eventgrid_extension };
    expect(await (await admin('host/systemkeys/eventgrid_extension')).json()).toEqual(key);
    expect((await admin('host/systemkeys/other')).status).toBe(404);
    expect((await admin('host/nope')).status).toBe(404);
  });

  test('run only timer functions by hand', async () => {
    expect((await admin('functions/tick', { method: 'POST', body: '{}' })).status).toBe(202);
    expect((await admin('functions/echo', { method: 'POST', body: '{}' })).status).toBe(400);
    expect((await admin('functions/nope', { method: 'POST', body: '{}' })).status).toBe(404);
    expect((await admin('functions/tick', { method: 'POST', body: '{' })).status).toBe(400);
  });
});

describe('start and end', () => {
  test('bindings that are not supported are named in one warning', () => {
    const warnings = host.lines.filter(({ level }) => level === 'warning');
    expect(warnings).toEqual([
      expect.objectContaining({ message: expect.stringContaining('queued (queueTrigger), queued (blob)') }),
    ]);
  });

  test('a busy port is an error that says what to do', async () => {
    await expect(hosts.open(fakeWorker({}), undefined, { port: Number(new URL(host.url).port) })).rejects.toThrow(
      /in use.*Choose another port/,
    );
  });

  test('until the app is loaded the answer is 503', async () => {
    const free = await listen(0, '127.0.0.1', async () => undefined);
    await free.close(0);
    const slow = new Promise<void>((resolve) => setImmediate(resolve));
    const { openHost } = await import('../../local/host/host');
    const seen: number[] = [];
    const options = {
      appDir: '.',
      stateDir: host.stateDir,
      port: free.port,
      clock: { now: () => 0, at: () => ({ cancel: () => undefined }) },
    };
    const opened = await openHost(options, {
      startWorker: async () => {
        await slow;
        seen.push((await fetch(`http://127.0.0.1:${free.port}/api/x`)).status);
        return fakeWorker({});
      },
      startHub: async () => fakeHub(),
    });
    await opened.stop();
    expect(seen).toEqual([503]);
  });

  test('a start that fails leaves nothing listening', async () => {
    const free = await listen(0, '127.0.0.1', async () => undefined);
    await free.close(0);
    const broken = { startWorker: async () => Promise.reject(new Error('no app')), startHub: async () => fakeHub() };
    const { openHost } = await import('../../local/host/host');
    const options = {
      appDir: '.',
      stateDir: host.stateDir,
      port: free.port,
      clock: { now: () => 0, at: () => ({ cancel: () => undefined }) },
    };
    await expect(openHost(options, broken)).rejects.toThrow('no app');
    await expect(fetch(`http://127.0.0.1:${free.port}/`)).rejects.toThrow();
  });

  test('stopping lets a request that is under way finish and takes no new one', async () => {
    let finish = (): void => undefined;
    let began = (): void => undefined;
    const underWay = new Promise<void>((resolve) => (began = resolve));
    const slow = http(() => {
      began();
      return new Promise(
        (resolve) => (finish = (): void => resolve(reply({ statusCode: '200', body: { bytes: Buffer.from('done') } }))),
      );
    });
    const own = await hosts.open(fakeWorker({ slow }));
    const answer = fetch(`${own.url}/api/slow`);
    await underWay;
    const stopped = own.stop();
    await expect(fetch(`${own.url}/api/slow`)).rejects.toThrow();
    finish();
    expect(await (await answer).text()).toBe('done');
    await stopped;
  });
});

function rawRequest(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (data) => (answer += data.toString())).on('close', () => resolve(answer));
    socket.on('error', (error) => (answer ? resolve(answer) : reject(error)));
  });
}
