import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCustomData } from '../../local/vm/custom-data';
import { attested } from '../support/attested';
import { runCli } from '../support/cli';
import { Cluster } from '../support/cluster';
import { addressesOf, send } from '../support/http';
import { azureDocuments, filesOf } from '../support/secrets';
import { startStarling, type Starling } from '../support/starling';

/** What of a swarm is secret is so by its form: whatever token or key there has been, none of its kind may be seen. */

const PASSWORD = 'a-password-in-a-compose-file';
const KINDS = {
  token: /SWMTKN-1-[0-9a-z]{20,}/,
  'private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  password: new RegExp(PASSWORD),
};
type Kind = keyof typeof KINDS;

let starling: Starling;
let cluster: Cluster;
const folder = mkdtempSync(join(tmpdir(), 'starling-swarm-secrets-'));
/** Where secrets must not be: a name, and what is there. */
const places = new Map<string, string>();

/** A swarm's life with every verb that handles a secret; then it is stopped, so that the files can be read. */
beforeAll(async () => {
  starling = await startStarling({}, ['--verbose']);
  cluster = new Cluster(starling, 'silent');
  const deployed = await cluster.deploy({ engine: 'swarm', masters: { count: 3 }, agents: { count: 1 } });
  expect(deployed).toMatchObject({ error: null, state: 'succeeded' });
  const [agent] = await cluster.agents();
  const body = await attested(starling, 'silent', agent!.instanceId);
  const refused = await send(starling, 'POST', '/api/clusters/silent/join', { body: JSON.stringify(body) });
  expect(refused.status).toBe(409);
  places.set('the refusal', refused.text);
  writeFileSync(
    join(folder, 'mine.yaml'),
    `services:\n  web:\n    image: nginx\n    environment:\n      PASSWORD: ${PASSWORD}\n`,
  );
  await command(0, 'workload', 'apply', 'mine.yaml', '--json');
  await command(4, 'kubeconfig');
  for (const verb of [['scale', '2', '--yes'], ['rotate'], ['repair', 'master2', '--yes']])
    await command(0, ...verb, '--json');
  for (const unit of ['docker', 'starling-join', 'starling-ready', 'starling-events'])
    await command(0, 'logs', 'master0', '--unit', unit);
  for (const look of [['status'], ['nodes'], ['template'], ['deployment'], ['workload', 'list'], ['operations']])
    await command(0, ...look, '--json');
  await command(0, 'events', '--limit', '1000');
  await readAnswers();
  await starling.interrupt();
  places.set('the log', starling.output());
  places.set('Table storage', readFileSync(join(starling.stateDir, 'tables.json'), 'latin1'));
  for (const { path, bytes } of filesOf(join(starling.stateDir, 'host')))
    if (!path.endsWith('keys.json')) places.set(path, bytes.toString('latin1'));
}, 600_000);
afterAll(async () => {
  await starling?.stop();
  rmSync(folder, { recursive: true });
});

async function command(code: number, ...args: string[]): Promise<void> {
  const ended = await runCli(starling, args, { cwd: folder, env: { STARLING_CLUSTER: 'silent' } });
  expect([args, ended]).toEqual([args, expect.objectContaining({ code })]);
  places.set(`starling ${args.join(' ')}`, ended.stdout + ended.stderr);
}

async function readAnswers(): Promise<void> {
  const { key } = addressesOf(starling);
  const get = (path: string) => send(starling, 'GET', path, { key });
  for (const part of ['', '/endpoints', '/operations', '/events?limit=1000', '/workloads'])
    places.set(`GET ${part}`, (await get(`/api/clusters/silent${part}`)).text);
  places.set('OpenAPI', (await get('/api/openapi.json')).text);
  const { parameters } = (await get('/api/clusters/silent/template')).body;
  for (const [name, { value }] of Object.entries<{ value: string }>(parameters)) {
    if (!name.startsWith('customData')) continue;
    const files = parseCustomData(value).files.map(({ content }) => content);
    places.set(name, files.join('\n'));
  }
}

/** As it is, or as part of a base64 text, wherever that begins. */
function kindsIn(text: string): Kind[] {
  const encoded = (text.match(/[A-Za-z0-9+/]{40,}/g) ?? []).flatMap((run) =>
    [0, 1, 2, 3].map((start) => Buffer.from(run.slice(start), 'base64').toString('latin1')),
  );
  const all = [text, ...encoded];
  return (Object.keys(KINDS) as Kind[]).filter((kind) => all.some((one) => KINDS[kind].test(one)));
}

/** Of machines: their disks. Of the swarm: its own state, and the workload as it was sent. Of Azure: its own keys. */
const WHERE_THEY_BELONG = [
  'machine-states: token',
  'pki: private key',
  'secrets: private key',
  'swarm-daemons: private key',
  'swarm-swarms: token',
  'swarm/services: password',
  'swarm/tasks: password',
];

it('finds them in the simulated Azure in the vault, on disks and in the swarm alone', () => {
  const found = azureDocuments(starling.stateDir).flatMap(({ collection, json }) =>
    kindsIn(json).map((kind) => `${collection.replace(/^swarm\/[^/]+/, 'swarm')}: ${kind}`),
  );
  expect([...new Set(found)].sort()).toEqual(WHERE_THEY_BELONG);
});

it('finds none of them in histories, tables, logs, events, operations, template, customData or output', () => {
  const kinds = [/durable\.db/, /Table storage/, /the log/, /events/, /GET \/operations/, /OpenAPI/, /customDataAgent/];
  for (const kind of [...kinds, /starling template/, /starling rotate/, /starling logs/, /starling workload apply/]) {
    const [place] = [...places].filter(([name]) => kind.test(name));
    expect([kind, (place?.[1].length ?? 0) > 50]).toEqual([kind, true]);
  }
  const found = [...places].flatMap(([place, text]) => kindsIn(text).map((kind) => `${kind} in ${place}`));
  expect(found).toEqual([]);
});
