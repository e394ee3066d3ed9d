import {
  InstanceExists,
  InvalidInstanceId,
  PayloadTooLarge,
  UnknownFunction,
  type DurableHub,
  type InstanceStatus,
  type RuntimeStatus,
} from '../../local/host/contract';
import { fakeHub, fakeWorker, hostFactory, type TestHost } from './host-http-fakes';

const hosts = hostFactory();
afterAll(() => hosts.close());

const calls: [string, ...unknown[]][] = [];
const statuses: Record<string, RuntimeStatus> = {
  run: 'Running',
  wait: 'Pending',
  ok: 'Completed',
  bad: 'Failed',
  cut: 'Terminated',
};

function statusOf(instanceId: string): InstanceStatus | undefined {
  const runtimeStatus = statuses[instanceId];
  if (!runtimeStatus) return undefined;
  const time = '2026-01-01T00:00:00Z';
  const values = { input: { a: 1 }, output: runtimeStatus === 'Completed' ? 'result' : undefined, customStatus: null };
  return {
    name: 'orchestrate',
    instanceId,
    runtimeStatus,
    ...values,
    createdTime: time,
    lastUpdatedTime: time,
    historyEvents: [],
  };
}

const steer =
  (name: string) =>
  async (instanceId: string, ...rest: unknown[]) => {
    calls.push([name, instanceId, ...rest]);
    return instanceId === 'run' ? 'accepted' : statuses[instanceId] ? 'gone' : 'unknown';
  };

const hub: Partial<DurableHub> = {
  async start(request) {
    calls.push(['start', request]);
    if (request.name === 'nope') throw new UnknownFunction("The function 'nope' does not exist.");
    if (request.instanceId === 'run') throw new InstanceExists('An instance with ID run already exists.');
    if (request.input === 'large') throw new PayloadTooLarge('too large');
    if (request.instanceId?.startsWith('@')) throw new InvalidInstanceId('must not begin with @');
    return { instanceId: request.instanceId ?? 'made' };
  },
  status: async (instanceId, show) => (calls.push(['status', instanceId, show]), statusOf(instanceId)),
  async list(filter) {
    calls.push(['list', filter]);
    return { instances: [statusOf('ok')!], continuationToken: 'more' };
  },
  raiseEvent: steer('raiseEvent') as DurableHub['raiseEvent'],
  terminate: steer('terminate') as DurableHub['terminate'],
  suspend: steer('suspend') as DurableHub['suspend'],
  resume: steer('resume') as DurableHub['resume'],
  purge: async (what) => (calls.push(['purge', what]), 'instanceId' in what ? Number(what.instanceId === 'ok') : 3),
  signalEntity: async (...signal) => void calls.push(['signal', ...signal]),
  readEntity: async ({ key }) => ({ exists: key !== 'none', state: key === 'none' ? undefined : { n: 1 } }),
};

interface Binding {
  rpcBaseUrl: string;
  baseUrl: string;
  taskHubName: string;
  requiredQueryStringParameters: string;
  creationUrls: Record<string, string>;
  managementUrls: Record<string, string>;
}

let host: TestHost;
let binding: Binding;
beforeAll(async () => {
  const hostJson = { extensions: { durableTask: { hubName: 'Hub' } } } as never;
  const worker = fakeWorker({}, { hostJson });
  host = await hosts.open(worker, fakeHub(hub));
  binding = JSON.parse(worker.clientBinding()) as Binding;
});
beforeEach(() => calls.splice(0));

const rpc = (path: string, method = 'GET', body?: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(binding.rpcBaseUrl + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('the durable client binding', () => {
  test('carries every URL as text, with the key of the extension, below the host it belongs to', () => {
    const base = `${host.url}/runtime/webhooks/durabletask`;
    const query = `taskHub=Hub&connection=Storage&code=${host.keys.systemKeys.durabletask_extension}`;
    expect(binding).toMatchObject({ taskHubName: 'Hub', baseUrl: base });
    expect(binding.managementUrls).toMatchObject({
      id: 'INSTANCEID',
      statusQueryGetUri: `${base}/instances/INSTANCEID?${query}`,
      sendEventPostUri: `${base}/instances/INSTANCEID/raiseEvent/{eventName}?${query}`,
      terminatePostUri: `${base}/instances/INSTANCEID/terminate?reason={text}&${query}`,
    });
    expect(Object.keys(binding.managementUrls)).toHaveLength(9);
    expect(binding.creationUrls.createNewInstancePostUri).toBe(
      `${base}/orchestrators/{functionName}[/{instanceId}]?${query}`,
    );
    expect(binding.rpcBaseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/durabletask\/$/);
  });

  test('needs no key on the loopback URL, which is not known without its secret', async () => {
    expect((await rpc('instances/ok')).status).toBe(200);
    expect((await fetch(`${new URL(binding.rpcBaseUrl).origin}/durabletask/instances/ok`)).status).toBe(404);
  });

  test('needs the key of the extension on the public URL', async () => {
    const url = `${host.url}/runtime/webhooks/DurableTask/instances/ok`;
    const { durabletask_extension: key, eventgrid_extension: other } = host.keys.systemKeys;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(`${url}?code=${other}`)).status).toBe(401);
    expect((await fetch(`${url}?code=${host.keys.default}`)).status).toBe(401);
    expect((await fetch(`${url}?code=${key}`)).status).toBe(200);
    expect((await fetch(binding.managementUrls.statusQueryGetUri!.replace('INSTANCEID', 'ok'))).status).toBe(200);
  });
});

describe('starting', () => {
  test('answers 202 with the instance id and its links', async () => {
    const response = await rpc('orchestrators/orchestrate/mine?version=2', 'POST', { a: 1 });
    expect(response.status).toBe(202);
    const links = (await response.json()) as Record<string, string>;
    expect(links.id).toBe('mine');
    expect(links.statusQueryGetUri).toContain('/instances/mine?');
    expect(response.headers.get('location')).toBe(links.statusQueryGetUri);
    expect(calls).toEqual([['start', { name: 'orchestrate', instanceId: 'mine', input: { a: 1 }, version: '2' }]]);
  });

  test('leaves the id to the engine where none is given, and passes no input where there is none', async () => {
    const links = (await (await rpc('orchestrators/orchestrate', 'POST')).json()) as { id: string };
    expect(links.id).toBe('made');
    expect(calls).toEqual([
      ['start', { name: 'orchestrate', instanceId: undefined, input: undefined, version: undefined }],
    ]);
  });

  test.each([
    ['an unknown function', 'nope', undefined, 400],
    ['an id that runs', 'orchestrate/run', undefined, 409],
    ['an input over the limit', 'orchestrate/x', 'large', 413],
    ['an id of an entity', 'orchestrate/@a@b', undefined, 400],
  ])('with %s is refused', async (_, path, input, status) => {
    expect((await rpc(`orchestrators/${path}`, 'POST', input && JSON.stringify(input))).status).toBe(status);
  });

  test('with a body that is no JSON is refused', async () => {
    expect((await rpc('orchestrators/orchestrate/x', 'POST', '{')).status).toBe(400);
    expect(calls).toEqual([]);
  });

  test('may wait for the end, and falls back to the links when it takes too long', async () => {
    statuses.quick = 'Completed';
    const ended = await rpc('orchestrators/orchestrate/quick?timeout=5&pollingInterval=1', 'POST');
    expect([ended.status, await ended.json()]).toEqual([200, 'result']);
    const late = await rpc('orchestrators/orchestrate/wait?timeout=0.2&pollingInterval=0.1', 'POST');
    expect(late.status).toBe(202);
  });
});

describe('an instance', () => {
  test.each([
    ['run', 202],
    ['wait', 202],
    ['ok', 200],
    ['bad', 200],
    ['bad?returnInternalServerErrorOnFailure=true', 500],
    ['cut', 200],
    ['nobody', 404],
  ])('%s has status %d', async (path, status) => {
    expect((await rpc(`instances/${path}`)).status).toBe(status);
  });

  test('shows input and output always, null where there is none, and its history under both names', async () => {
    const shown = (await (await rpc('instances/run?showHistory=true&showHistoryOutput=true')).json()) as object;
    expect(shown).toMatchObject({ input: { a: 1 }, output: null, history: [], historyEvents: [] });
    expect(calls).toEqual([['status', 'run', { history: true, historyOutput: true, input: true }]]);
    expect(await (await rpc('instances/run?showInput=false')).json()).toMatchObject({ input: null });
  });

  test.each([
    ['terminate?reason=why', ['terminate', 'run', 'why']],
    ['suspend?reason=why', ['suspend', 'run', 'why']],
    ['resume', ['resume', 'run', '']],
    ['raiseEvent/Go', ['raiseEvent', 'run', 'Go', { a: 1 }]],
  ])('takes %s: 202, 410 when it has ended, 404 when there is none', async (action, expected) => {
    const status = async (id: string): Promise<number> =>
      (await rpc(`instances/${id}/${action}`, 'POST', { a: 1 })).status;
    expect([await status('run'), await status('ok'), await status('nobody')]).toEqual([202, 410, 404]);
    expect(calls[0]).toEqual(expected);
  });

  test('takes an event without data as null, and refuses one that is no JSON', async () => {
    expect((await rpc('instances/run/raiseEvent/Go', 'POST')).status).toBe(202);
    expect(calls[0]).toEqual(['raiseEvent', 'run', 'Go', null]);
    expect((await rpc('instances/run/raiseEvent/Go', 'POST', 'x', { 'content-type': 'text/plain' })).status).toBe(400);
    expect((await rpc('instances/run/raiseEvent/Go', 'POST', '{')).status).toBe(400);
  });

  test('restarts with its own input under a new id', async () => {
    const response = await rpc('instances/ok/restart', 'POST');
    const { id } = (await response.json()) as { id: string };
    expect(response.status).toBe(202);
    expect(calls.at(-1)).toEqual(['start', { name: 'orchestrate', instanceId: id, input: { a: 1 } }]);
    expect(id).not.toBe('ok');
    expect((await rpc('instances/run/restart?restartWithNewInstanceId=false', 'POST')).status).toBe(409);
    expect((await rpc('instances/nobody/restart', 'POST')).status).toBe(404);
  });

  test('cannot be rewound', async () => {
    expect((await rpc('instances/bad/rewind?reason=x', 'POST')).status).toBe(501);
  });

  test('is purged when it has ended', async () => {
    expect(await (await rpc('instances/ok', 'DELETE')).json()).toEqual({ instancesDeleted: 1 });
    expect((await rpc('instances/run', 'DELETE')).status).toBe(404);
  });
});

describe('all instances', () => {
  test('are listed by filter, a page at a time', async () => {
    const query = 'runtimeStatus=Running,Pending&createdTimeFrom=2026-01-01&instanceIdPrefix=a&top=7';
    const response = await rpc(`instances/?${query}`, 'GET', undefined, { 'x-ms-continuation-token': 'here' });
    expect(response.headers.get('x-ms-continuation-token')).toBe('more');
    expect(await response.json()).toEqual([expect.objectContaining({ instanceId: 'ok', output: 'result' })]);
    const filter = {
      createdTimeFrom: '2026-01-01',
      createdTimeTo: undefined,
      runtimeStatus: ['Running', 'Pending'],
      instanceIdPrefix: 'a',
    };
    expect(calls).toEqual([['list', { ...filter, top: 7, continuationToken: 'here' }]]);
  });

  test('are purged only from a given time on', async () => {
    expect((await rpc('instances/', 'DELETE')).status).toBe(400);
    expect(await (await rpc('instances/?createdTimeFrom=2026-01-01', 'DELETE')).json()).toEqual({
      instancesDeleted: 3,
    });
  });
});

describe('an entity', () => {
  test('is signalled and read', async () => {
    expect((await rpc('entities/Counter/a%20b?op=add', 'POST', '5')).status).toBe(202);
    expect((await rpc('entities/Counter/k?op=say', 'POST', 'hi', { 'content-type': 'text/plain' })).status).toBe(202);
    expect(calls).toEqual([
      ['signal', { name: 'Counter', key: 'a b' }, 'add', 5],
      ['signal', { name: 'Counter', key: 'k' }, 'say', 'hi'],
    ]);
    expect(await (await rpc('entities/Counter/k')).json()).toEqual({ n: 1 });
    expect((await rpc('entities/Counter/none')).status).toBe(404);
  });
});

test.each([
  ['GET', 'nothing'],
  ['GET', 'orchestrators/x'],
  ['PUT', 'instances/ok'],
  ['POST', 'instances/ok/dance'],
])('%s %s is 404', async (method, path) => {
  expect((await rpc(path, method)).status).toBe(404);
});
