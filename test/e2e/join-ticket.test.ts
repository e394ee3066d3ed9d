import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROUTES } from '../../shared/routes';
import { parseCustomData } from '../../local/vm/custom-data';
import { attested } from '../support/attested';
import { Cluster, type Node } from '../support/cluster';
import { addressesOf, send } from '../support/http';
import { OpenApi } from '../support/openapi';
import { startStarling, waitUntil, type Starling } from '../support/starling';

/** The life of a ticket, a quarter of an hour, must be longer than this test on a busy machine. */
const TIME_SCALE = '20';

let starling: Starling;
let cluster: Cluster;
/** Agents whose node script never runs, so that the test plays them. */
let silent: Node[];

beforeAll(async () => {
  starling = await startStarling({ STARLING_TIME_SCALE: TIME_SCALE });
  cluster = new Cluster(starling, 'ticket');
  expect(await cluster.deploy({ agents: { count: 0 } })).toMatchObject({ state: 'succeeded' });
  await starling.request('PUT', '/api/halt', { halted: true, reason: 'the test plays some nodes' });
  await starling.control('POST', '/_local/boot-failures', { count: 3, kind: 'never-joins' });
  await cluster.begin('POST', '/scale', { agents: 3 });
  await waitUntil('the silent agents boot', async () => {
    silent = (await cluster.agents()).filter(({ state }) => state === 'booting');
    return silent.length === 3;
  });
});
afterAll(() => starling?.stop());

const tokens = async (): Promise<string[]> =>
  (await starling.control('GET', '/_local/engine/ticket/bootstrap-tokens')).tokens;
const ask = (body: object) => send(starling, 'POST', '/api/clusters/ticket/join', { body: JSON.stringify(body) });

describe('a ticket', () => {
  it('is one and the same for fifty requests at once with the same proof', async () => {
    const before = await tokens();
    const body = await attested(starling, 'ticket', silent[0]!.instanceId);
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(body)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const [, id = ''] = /^K10[0-9a-f]{64}::([a-z0-9]{6})\.[a-z0-9]{16}$/.exec(answers[0]!.body.token) ?? [];
    expect((await tokens()).sort()).toEqual([...before, id].sort());
    const joining = (await cluster.events()).filter(
      ({ type, subject }) => type === 'node.joining' && subject === silent[0]!.name,
    );
    expect(joining).toHaveLength(1);
  });

  it('holds what its node needs, as published, and is not to be stored on the way', async () => {
    const api = new OpenApi((await send(starling, 'GET', '/api/openapi.json')).body);
    const answer = await ask(await attested(starling, 'ticket', silent[0]!.instanceId));
    expect(api.faultsOf(`POST /api/${ROUTES.join.path}`, answer)).toEqual([]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      engine: 'k3s',
      role: 'agent',
      nodeName: silent[0]!.name,
      token: expect.any(String),
      servers: [expect.stringMatching(/^https:\/\/[\d.]+:6443$/)],
      version: expect.stringMatching(/^v\d+\.\d+\.\d+\+k3s\d+$/),
      labels: { 'starling.io/instance': silent[0]!.instanceId },
      storage: {
        account: expect.stringMatching(/^st[a-z0-9]+$/),
        key: expect.stringMatching(/^[A-Za-z0-9+/=]{40,}$/),
        shares: ['data', 'config', 'registry'],
        mountAt: '/srv',
      },
    });
  });

  it('is the same for a new proof of the same VM, and another one for another VM', async () => {
    const tokenOf = async (node: Node): Promise<string> =>
      (await ask(await attested(starling, 'ticket', node.instanceId))).body.token;
    const [first, again, other] = [await tokenOf(silent[0]!), await tokenOf(silent[0]!), await tokenOf(silent[1]!)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(await tokens()).toHaveLength(2);
  });
});

/** The script that the VM's customData carries, run as it is against the local metadata service and the running app. */
describe('the script of a node', () => {
  let root: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'starling-node-'));
    const { parameters } = (await starling.request('GET', `${cluster.path}/template`)).body;
    for (const { path, content } of parseCustomData(parameters.customDataAgent.value).files) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const scriptIn = (folder: string): string =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith('starling-join.sh'))!;

  function run(vmId: string): Promise<{ status: number | null; output: string }> {
    const { imdsUrl } = addressesOf(starling);
    const env = { PATH: process.env['PATH'], STARLING_ROOT: root, STARLING_IMDS_URL: `${imdsUrl}/${vmId}` };
    const child = spawn('bash', [join(root, scriptIn(root))], { env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    return new Promise((ended) => child.on('close', (status) => ended({ status, output })));
  }

  it('proves who it is, gets the ticket, writes it down for root alone, and prints no secret', async () => {
    const node = silent[2]!;
    const { status, output } = await run(node.vmId);
    expect([status, output]).toEqual([0, expect.stringContaining(`this is ${node.name}, agent of k3s`)]);
    const file = join(root, 'etc/rancher/k3s/config.yaml');
    const config = readFileSync(file, 'utf8');
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
    expect(config).toMatch(/^server: "https:\/\/[\d.]+:6443"$/m);
    expect(config).toContain(`node-name: "${node.name}"`);
    const [, id = '', secret = ''] = /^token: "K10[0-9a-f]{64}::([a-z0-9]{6})\.([a-z0-9]{16})"$/m.exec(config) ?? [];
    expect(await tokens()).toContain(id);
    expect(secret).not.toBe('');
    expect(output).not.toContain(secret);
    const [row] = (await cluster.agents()).filter(({ vmId }) => vmId === node.vmId);
    expect(row!.state).toBe('joining');

    const again = await run(node.vmId);
    expect([again.status, readFileSync(file, 'utf8')]).toEqual([0, config]);
    expect(again.output).not.toContain(secret);
  });

  it('is refused for a VM that another cluster’s configuration brought here, and gives up', async () => {
    const environment = join(root, 'etc/starling/node.env');
    const before = readFileSync(environment, 'utf8');
    writeFileSync(environment, before.replace('STARLING_CLUSTER=ticket', 'STARLING_CLUSTER=foreign'));
    rmSync(join(root, 'etc/rancher'), { recursive: true });
    rmSync(join(root, 'run'), { recursive: true });
    const { status, output } = await run(silent[1]!.vmId);
    expect([status, output]).toEqual([2, expect.stringContaining('refused with 404 CLUSTER_NOT_FOUND')]);
  });
});
