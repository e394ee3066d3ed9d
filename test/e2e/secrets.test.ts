import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCustomData } from '../../local/vm/custom-data';
import { attested } from '../support/attested';
import { Cluster } from '../support/cluster';
import { send } from '../support/http';
import { filesOf, secretsOf, type Secret } from '../support/secrets';
import { startStarling, type Starling } from '../support/starling';

let starling: Starling;
let secrets: Secret[];
let sharesKey: Secret;
/** Where secrets must not be: a name, and what is there. */
const places = new Map<string, Buffer>();

/** Deploys, scales both ways, refuses some; then stops, so that the files can be read. */
beforeAll(async () => {
  starling = await startStarling({}, ['--verbose']);
  const cluster = new Cluster(starling, 'silent');
  expect(await cluster.deploy({ agents: { count: 2 } })).toMatchObject({ state: 'succeeded' });
  expect(await cluster.scale(3)).toMatchObject({ state: 'succeeded' });
  const [agent] = await cluster.agents();
  const replay = await attested(starling, 'silent', agent!.instanceId);
  const refused = await send(starling, 'POST', '/api/clusters/silent/join', { body: JSON.stringify(replay) });
  expect(refused.status).toBe(409);
  places.set('the refusal', Buffer.from(refused.text));
  const proof = await attested(starling, 'silent', agent!.instanceId);
  const told = await send(starling, 'POST', '/api/clusters/silent/storage', { body: JSON.stringify(proof) });
  sharesKey = { what: 'the key of the shares', value: told.body.storage.key };
  expect(await cluster.scale(1)).toMatchObject({ state: 'succeeded' });
  const events = await cluster.events();
  await readAnswers(events);
  const vmIds = new Set(events.flatMap((event) => (event as { data?: { vmId?: string } }).data?.vmId ?? []));
  expect(vmIds.size).toBe(4);

  await starling.interrupt();
  secrets = [...(await secretsOf(starling.stateDir, 'silent', [...vmIds])), sharesKey];
  places.set('the log', Buffer.from(starling.output()));
  places.set('Table storage', readFileSync(join(starling.stateDir, 'tables.json')));
  for (const { path, bytes } of filesOf(join(starling.stateDir, 'host'))) places.set(path, bytes);
});
afterAll(() => starling?.stop());

async function readAnswers(events: unknown): Promise<void> {
  places.set('events', Buffer.from(JSON.stringify(events)));
  const { key } = JSON.parse(readFileSync(join(starling.stateDir, 'local.json'), 'utf8'));
  const get = async (path: string) => send(starling, 'GET', path, { key });
  for (const part of ['', '/nodes', '/template', '/deployment', '/endpoints'])
    places.set(`GET ${part}`, Buffer.from((await get(`/api/clusters/silent${part}`)).text));
  const operations = (events as { type: string; subject: string }[]).filter(({ type }) => type === 'operation.started');
  expect(operations).toHaveLength(3);
  for (const { subject } of operations)
    places.set(subject, Buffer.from((await get(`/api/operations/${subject}`)).text));
  const { parameters } = (await get('/api/clusters/silent/template')).body;
  for (const [name, { value }] of Object.entries<{ value: string }>(parameters)) {
    if (!name.startsWith('customData')) continue;
    const files = parseCustomData(value).files.map(({ content }) => content);
    places.set(name, Buffer.from(`${Buffer.from(value, 'base64').toString()}\n${files.join('\n')}`));
  }
}

it('knows every secret there is, and finds them in the vault’s own file', () => {
  expect(new Set(secrets.map(({ what }) => what.replace(/ of [0-9a-f-]{36}$/, '')))).toEqual(
    new Set([
      'the join key',
      'the server token',
      'the agent token of the masters',
      'the credential for the engine',
      'the bootstrap token',
      'the key of the shares',
    ]),
  );
  for (const { value } of secrets) expect(value.length).toBeGreaterThanOrEqual(16);
  const azure = filesOf(starling.stateDir).filter(({ path }) => /azure\.sqlite/.test(path));
  const inAzure = secrets.filter(({ value }) => azure.some(({ bytes }) => bytes.includes(value)));
  expect(inAzure.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      'the join key',
      'the server token',
      'the credential for the engine',
      expect.stringMatching('the bootstrap token'), // on the disks of the agents
    ]),
  );
  // Machines mount their shares and keep no key that a resource or a deployment would show.
  expect(inAzure.map(({ what }) => what)).not.toContain(sharesKey.what);
});

it('finds none of them in histories, tables, logs, events, operations, template or customData', () => {
  const kinds = [
    /durable\.db/,
    /Table storage/,
    /the log/,
    /events/,
    /\.deploy\./,
    /\.scale\./,
    /template/,
    /customDataAgent/,
    /customDataMaster0/,
  ];
  for (const kind of kinds) {
    const [place] = [...places].filter(([name]) => kind.test(name));
    expect([kind, (place?.[1].length ?? 0) > 100]).toEqual([kind, true]);
  }
  const found = [...places].flatMap(([place, bytes]) =>
    secrets
      .filter(({ value }) =>
        [value, Buffer.from(value).toString('base64').replace(/=+$/, '')].some((text) => bytes.includes(text)),
      )
      .map(({ what }) => `${what} in ${place}`),
  );
  expect(found).toEqual([]);
});
