import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, type Ended } from '../support/cli';
import { buildOnce } from '../support/starling-process';

/** What the command line does when that which answers is not what it should be, or says what others have written. */

const KEY = 'the-function-key-of-this-test';
/** Clears the screen, and names a title for the window: in both ways of writing it. */
const EVIL = 'a\u001b[2Jb\u009b2Jc\u001b]0;title\u0007d';
const folder = mkdtempSync(join(tmpdir(), 'starling-hostile-'));
const servers: Server[] = [];
let answers: Record<string, (response: ServerResponse) => void> = {};
const asked: IncomingMessage[] = [];
let url = '';

beforeAll(async () => {
  buildOnce();
  url = await serve((request, response) => {
    const answer = answers[(request.url ?? '').split('?')[0] ?? ''];
    return answer ? answer(response) : json({ code: 'CLUSTER_NOT_FOUND', status: 404, detail: EVIL }, 404)(response);
  });
});
beforeEach(() => {
  answers = {};
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    asked.push(request);
    handle(request, response);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answer =
  (type: string, text: string, status = 200) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': type }).end(text);
const json = (body: object, status = 200) => answer('application/json', JSON.stringify(body), status);

async function starling(...args: string[]): Promise<Ended> {
  const ended = await runCli(undefined, args, { cwd: folder, env: { STARLING_URL: url, STARLING_KEY: KEY } });
  expect(ended.stdout + ended.stderr).not.toContain(KEY);
  return ended;
}

const OPERATION = {
  id: 'demo.scale.1',
  cluster: 'demo',
  verb: 'scale',
  state: 'failed',
  phase: EVIL,
  progress: { done: 0, total: 1, unit: EVIL },
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:01:00.000Z',
  error: { code: 'INTERNAL', message: EVIL },
  result: null,
};
const clusterWith = (fqdn: string) => ({
  name: 'demo',
  createdAt: '2026-01-01T00:00:00.000Z',
  spec: { ssh: { publicKey: '', port: 22, from: [] } },
  endpoints: [{ name: 'master0', fqdn, ports: [22] }],
});

test.each([
  ['a journal', ['logs', '-c', 'demo'], '/api/clusters/demo/logs', answer('text/plain', EVIL)],
  ['an operation', ['operations', 'wait', OPERATION.id], `/api/operations/${OPERATION.id}`, json(OPERATION)],
  ['JSON', ['operations', 'show', OPERATION.id, '--json'], `/api/operations/${OPERATION.id}`, json(OPERATION)],
  ['a refusal', ['nodes', '-c', 'other'], '/nowhere', json({})],
  ['a kubeconfig', ['kubeconfig', '-c', 'demo'], '/api/clusters/demo/kubeconfig', answer('application/yaml', EVIL)],
])('no control character of %s reaches the terminal', async (_, args, path, respond) => {
  answers[path] = respond;
  const { stdout, stderr } = await starling(...args);
  expect(stdout + stderr).toContain('\\u001b');
  expect(stdout + stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  if (args.includes('--json')) expect(JSON.parse(stdout)).toEqual(OPERATION);
});

test('a redirect is not followed, so that nobody else gets the key', async () => {
  const elsewhere = await serve((_, response) => json({ clusters: [] })(response));
  answers['/api/clusters'] = (response) => response.writeHead(307, { location: `${elsewhere}/api/clusters` }).end();
  const before = asked.length;
  expect(await starling('status')).toMatchObject({ code: 6 });
  expect(asked.slice(before).map(({ url: path, headers }) => [path, headers['x-functions-key']])).toEqual([
    ['/api/clusters', KEY],
  ]);
});

test.each(['-oProxyCommand=touch x', '$(touch x)', 'a;touch x', '%h', 'a b', 'x@y', '../x'])(
  'the gateway %p becomes no word for ssh',
  async (fqdn) => {
    answers['/api/clusters/demo'] = json(clusterWith(fqdn));
    expect(await starling('ssh', '-c', 'demo', '--print')).toMatchObject({ code: 1, stdout: '' });
    expect(await starling('proxy', '-c', 'demo', '--print')).toMatchObject({ code: 1, stdout: '' });
  },
);

test.each(['-oProxyCommand=touch x', '$(touch x)', '10.0.0.4;touch x', 'fe80::1%touch', 'face'])(
  'the address %p of a node becomes no word for ssh, unless it is one',
  async (address) => {
    answers['/api/clusters/demo'] = json(clusterWith('demo.example'));
    answers['/api/clusters/demo/nodes'] = json({ nodes: [{ name: 'agents-0', instanceId: '0', address }] });
    const { code, stdout } = await starling('ssh', 'agents-0', '-c', 'demo', '--print');
    if (address === 'face') expect(stdout).toMatch(/ starling@face$/m);
    else expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  },
);

test('a cluster whose name would lead to another file is not reached', async () => {
  answers['/api/clusters'] = json({ clusters: [{ name: '../../x' }] });
  answers['/api/clusters/..%2F..%2Fx'] = json(clusterWith('demo.example'));
  expect(await starling('ssh', '--print')).toMatchObject({ code: 1, stdout: '' });
});

test('a kubeconfig is for its owner alone, also where others could read the file that it replaces', async () => {
  const file = join(folder, 'config');
  writeFileSync(file, 'old, and longer than the new one');
  chmodSync(file, 0o644);
  answers['/api/clusters/demo/kubeconfig'] = answer('application/yaml', 'new: 1\n');
  expect(await starling('kubeconfig', '-c', 'demo', '--out', 'config')).toMatchObject({ code: 0, stdout: '' });
  expect(readFileSync(file, 'utf8')).toBe('new: 1\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
