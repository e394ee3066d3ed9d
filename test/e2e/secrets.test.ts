import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseCustomData } from '../../local/vm/custom-data';
import { attested } from '../support/attested';
import { runCli, type Ended } from '../support/cli';
import { Cluster } from '../support/cluster';
import { addressesOf, send } from '../support/http';
import { azureDocuments, filesOf, holds, secretsOf, type Secret } from '../support/secrets';
import { startStarling, type Starling } from '../support/starling';

const NEXT_VERSION = 'v1.36.3+k3s1';
const PASSWORD = 'a-password-in-a-manifest';
/** Without quotes it is a number, which the engine refuses, and names. */
const REFUSED_PASSWORD = '4815162342481516';

let starling: Starling;
let cluster: Cluster;
let secrets: Secret[];
const told: Secret[] = [
  { what: 'the password of a workload', value: PASSWORD },
  { what: 'the password of a workload that was refused', value: REFUSED_PASSWORD },
];
const folder = mkdtempSync(join(tmpdir(), 'starling-secrets-'));
/** Where secrets must not be: a name, and what is there. */
const places = new Map<string, Buffer>();

/** A cluster's life with every verb that handles a secret; then it is stopped, so that the files can be read. */
beforeAll(async () => {
  starling = await startStarling({}, ['--verbose']);
  cluster = new Cluster(starling, 'silent');
  expect(await cluster.deploy({ masters: { count: 3 }, agents: { count: 2 } })).toMatchObject({
    error: null,
    state: 'succeeded',
  });
  told.push({ what: 'the function key', value: addressesOf(starling).key });
  await askAsMachines();
  await commandWorkloads();
  await command('kubeconfig', '--out', 'config');
  const { users } = parse(readFileSync(join(folder, 'config'), 'utf8')) as { users: { user: { token: string } }[] };
  told.push({ what: 'the token of an operator', value: users[0]!.user.token });
  for (const verb of [['scale', '1', '--yes'], ['rotate'], ['repair', 'master2', '--yes'], ['upgrade', NEXT_VERSION]])
    await command(...verb, '--json');
  for (const unit of ['k3s', 'starling-ready', 'starling-storage', 'starling-join'])
    await command('logs', 'master0', '--unit', unit);
  for (const look of [['status'], ['nodes'], ['template'], ['deployment'], ['workload', 'list']])
    await command(...look, '--json');
  await command('events', '--limit', '1000');
  await readAnswers();
  readProcesses();
  const events = await cluster.events();
  const vmIds = new Set(events.flatMap((event) => (event as { data?: { vmId?: string } }).data?.vmId ?? []));
  expect(vmIds.size).toBe(6); // three masters and the one made anew, two agents

  await starling.interrupt();
  secrets = [...(await secretsOf(starling.stateDir, 'silent', [...vmIds])), ...told];
  places.set('the log', Buffer.from(starling.output()));
  places.set('Table storage', readFileSync(join(starling.stateDir, 'tables.json')));
  const isOfKeys = (path: string): boolean => path.endsWith('keys.json'); // where the host keeps them
  for (const { path, bytes } of filesOf(join(starling.stateDir, 'host'))) if (!isOfKeys(path)) places.set(path, bytes);
}, 600_000);
afterAll(async () => {
  await starling?.stop();
  rmSync(folder, { recursive: true });
});

/** What the command line prints, which also is the answer of the API. */
async function command(...args: string[]): Promise<void> {
  const ended = await runCli(starling, args, { cwd: folder, env: { STARLING_CLUSTER: 'silent' } });
  expect([args, ended]).toEqual([args, expect.objectContaining({ code: 0 } satisfies Partial<Ended>)]);
  places.set(`starling ${args.join(' ')}`, Buffer.from(ended.stdout + ended.stderr));
}

/** A ticket that is asked for twice, and the key of the shares. */
async function askAsMachines(): Promise<void> {
  const [agent] = await cluster.agents();
  const proof = async () => JSON.stringify(await attested(starling, 'silent', agent!.instanceId));
  const refused = await send(starling, 'POST', '/api/clusters/silent/join', { body: await proof() });
  expect(refused.status).toBe(409);
  places.set('the refusal', Buffer.from(refused.text));
  const { body } = await send(starling, 'POST', '/api/clusters/silent/storage', { body: await proof() });
  told.push({ what: 'the key of the shares', value: body.storage.key });
}

async function commandWorkloads(): Promise<void> {
  const manifest = (value: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: 'a/b:1', env: [{ name: PASSWORD, value: ${value} }] }] }
`;
  writeFileSync(join(folder, 'mine.yaml'), manifest(PASSWORD));
  writeFileSync(join(folder, 'bad.yaml'), manifest(REFUSED_PASSWORD));
  await command('workload', 'apply', 'mine.yaml', '--json');
  const refused = await runCli(starling, ['workload', 'apply', 'bad.yaml', '-c', 'silent'], { cwd: folder });
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining(REFUSED_PASSWORD) }); // who sent it may know
}

async function readAnswers(): Promise<void> {
  const { key } = addressesOf(starling);
  const get = async (path: string) => send(starling, 'GET', path, { key });
  for (const part of ['', '/endpoints', '/events?limit=1000', '/operations'])
    places.set(`GET ${part}`, Buffer.from((await get(`/api/clusters/silent${part}`)).text));
  const { operations } = (await get('/api/clusters/silent/operations')).body as { operations: { verb: string }[] };
  expect(operations.map(({ verb }) => verb).sort()).toEqual(
    ['deploy', 'repair', 'rotate', 'scale', 'upgrade', 'workload', 'workload'].sort(),
  );
  const { parameters } = (await get('/api/clusters/silent/template')).body;
  for (const [name, { value }] of Object.entries<{ value: string }>(parameters)) {
    if (!name.startsWith('customData')) continue;
    const files = parseCustomData(value).files.map(({ content }) => content);
    places.set(name, Buffer.from(`${Buffer.from(value, 'base64').toString()}\n${files.join('\n')}`));
  }
}

/** Everybody on a machine may read the arguments of its processes. */
function readProcesses(): void {
  for (const pid of starling.children()) {
    const file = `/proc/${pid}/cmdline`;
    if (existsSync(file)) places.set(`arguments of ${pid}`, readFileSync(file));
  }
}

const kindOf = ({ what }: Secret): string => what.replace(/ of [0-9a-f-]{36}$/, '');

it('knows every secret there is, and finds them where they belong', () => {
  expect([...new Set(secrets.map(kindOf))].sort()).toEqual(
    [
      'the agent token of the masters',
      'the bootstrap token',
      'the credential for the engine',
      'the function key',
      'the join key',
      'the key of the shares',
      'the password of a workload',
      'the password of a workload that was refused',
      'the server token',
      'the token of an operator',
    ].sort(),
  );
  for (const { value } of secrets) expect(value.length).toBeGreaterThanOrEqual(16);
  for (const rotated of ['the join key', 'the credential for the engine'])
    expect([rotated, new Set(secrets.filter(({ what }) => what === rotated).map(({ value }) => value)).size]).toEqual([
      rotated,
      2,
    ]);
});

/** Of machines: their disks. Of the engine: its own state, and the workload as it was sent. */
const WHERE_THEY_BELONG = [
  'secrets: the join key',
  'secrets: the server token',
  'secrets: the credential for the engine',
  'machine-states: the server token',
  'machine-states: the bootstrap token',
  'k3s-clusters: the server token',
  'k3s-clusters: the agent token of the masters',
  'k3s-clusters: the credential for the engine',
  'k3s-clusters: the token of an operator',
  'k3s/deployments: the password of a workload',
  'k3s/replicasets: the password of a workload',
  'k3s/pods: the password of a workload',
];

/**
 * So not in deployments, in what run command ran and printed, or in the log of requests. Machines mount their shares and keep
 * no key that a resource would show.
 */
it('finds them in the simulated Azure in the vault, on disks and in the engine alone', () => {
  const documents = azureDocuments(starling.stateDir);
  for (const kept of ['starling-rotate: done', 'starling-upgrade: done', 'Microsoft.Resources/deployments'])
    expect([kept, documents.some(({ json }) => json.includes(kept))]).toEqual([kept, true]);
  const found = documents.flatMap(({ collection, json }) => {
    const place = collection.replace(/^k3s\/[^/]+/, 'k3s');
    return secrets.filter((secret) => holds(json, secret)).map((secret) => `${place}: ${kindOf(secret)}`);
  });
  expect([...new Set(found)].sort()).toEqual(WHERE_THEY_BELONG.toSorted());
});

it('finds none of them in histories, tables, logs, events, operations, template, customData, output or arguments', () => {
  const kinds = [
    /durable\.db/,
    /Table storage/,
    /the log/,
    /events/,
    /GET \/operations/,
    /starling template/,
    /customDataAgent/,
    /customDataMaster0/,
    /starling rotate/,
    /starling upgrade/,
    /starling repair/,
    /starling logs/,
    /starling workload apply/,
  ];
  for (const kind of kinds) {
    const [place] = [...places].filter(([name]) => kind.test(name));
    expect([kind, (place?.[1].length ?? 0) > 50]).toEqual([kind, true]);
  }
  const found = [...places].flatMap(([place, bytes]) =>
    secrets.filter((secret) => holds(bytes, secret)).map(({ what }) => `${what} in ${place}`),
  );
  expect(found).toEqual([]);
});
