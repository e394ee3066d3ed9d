import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROUTES } from '../../shared/routes';
import { attestationOf, attested, claimsOf, nonceOf, type Attested, type Forgery } from '../support/attested';
import { Cluster } from '../support/cluster';
import { send, type RawAnswer } from '../support/http';
import { OpenApi } from '../support/openapi';
import { startStarling, waitUntil, type Starling } from '../support/starling';

let starling: Starling;
let cluster: Cluster;
let api: OpenApi;
/** Agents of `join` whose node script never runs, so that the test plays them. */
let silent: string[];
/** An agent that has joined by itself. */
let joined: string;

beforeAll(async () => {
  starling = await startStarling();
  api = new OpenApi((await send(starling, 'GET', '/api/openapi.json')).body);
  cluster = new Cluster(starling, 'join');
  const other = new Cluster(starling, 'other');
  const deployed = await Promise.all([cluster, other].map((each) => each.deploy({ agents: { count: 1 } })));
  expect(deployed.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
  joined = (await cluster.agents())[0]!.instanceId;
  await withSilentAgents(2);
});
afterAll(() => starling?.stop());

/** Automation is halted, or it would replace them after a quarter of an hour. */
async function withSilentAgents(count: number): Promise<void> {
  await starling.request('PUT', '/api/halt', { halted: true, reason: 'the test plays some nodes' });
  await starling.control('POST', '/_local/boot-failures', { count, kind: 'never-joins' });
  await cluster.begin('POST', '/scale', { agents: 1 + count });
  await waitUntil('the silent agents boot', async () => {
    silent = (await cluster.agents()).filter(({ state }) => state === 'booting').map(({ instanceId }) => instanceId);
    return silent.length === count;
  });
}

const post = (route: 'join' | 'ready' | 'leave', body: object, name = 'join'): Promise<RawAnswer> =>
  send(starling, 'POST', `/api/clusters/${name}/${route}`, { body: JSON.stringify(body) });
const tokens = async (): Promise<string[]> =>
  (await starling.control('GET', '/_local/engine/join/bootstrap-tokens')).tokens;
const A_TOKEN = /[a-z0-9]{6}\.[a-z0-9]{16}|K10[0-9a-f]{64}/;

/** The refusal is as published, has its code, left an event, and gave nothing away. */
async function expectRefusal(ask: () => Promise<RawAnswer>, status: number, code: string): Promise<RawAnswer> {
  const before = new Set((await cluster.events()).map(({ id }) => id));
  const tokensBefore = await tokens();
  const answer = await ask();
  expect(answer).toMatchObject({ status, body: { status, code } });
  expect(api.faultsOf(`POST /api/${ROUTES.join.path}`, answer)).toEqual([]);
  expect(answer.text).not.toMatch(A_TOKEN);
  const news = (await cluster.events()).filter(({ id }) => !before.has(id));
  expect(news).toContainEqual(
    expect.objectContaining({ type: 'join.refused', message: expect.stringContaining(code) }),
  );
  expect(JSON.stringify(news)).not.toMatch(A_TOKEN);
  expect(await tokens()).toEqual(tokensBefore);
  return answer;
}

describe('a document that Azure did not sign for this VM and these claims', () => {
  test.each<[Forgery, number, string]>([
    ['signature', 401, 'ATTESTATION_SIGNATURE'],
    ['issuer', 401, 'ATTESTATION_UNTRUSTED'],
    ['subscription', 403, 'ATTESTATION_SUBSCRIPTION'],
    ['expired', 401, 'ATTESTATION_EXPIRED'],
    ['san', 401, 'ATTESTATION_SIGNER_NAME'],
    ['two-signers', 401, 'ATTESTATION_SIGNERS'],
  ])('with a forged %s is refused', async (forge, status, code) => {
    const claims = claimsOf('join', silent[0]!);
    const body = { claims, attestation: await attestationOf(starling, 'join', silent[0]!, { claims, forge }) };
    const answer = await expectRefusal(() => post('join', body), status, code);
    expect(answer.body.detail).toBe(answer.body.title); // which check failed how is for the operator, not for the caller
  });

  it('made for claims that were changed afterwards is refused', async () => {
    const { attestation } = await attested(starling, 'join', silent[0]!);
    const claims = claimsOf('join', silent[0]!, { hostname: 'somebody-else' });
    await expectRefusal(() => post('join', { claims, attestation }), 401, 'ATTESTATION_NONCE');
  });

  it('made for the same claims with one more blank is refused', async () => {
    const { claims, attestation } = await attested(starling, 'join', silent[0]!);
    await expectRefusal(() => post('join', { claims: `${claims} `, attestation }), 401, 'ATTESTATION_NONCE');
  });

  it('without a nonce is refused', async () => {
    const query = new URLSearchParams({ cluster: 'join', instanceId: silent[0]! });
    const { signature } = await starling.control<{ signature: string }>('GET', `/_local/attestation?${query}`);
    const body = { claims: claimsOf('join', silent[0]!), attestation: signature };
    await expectRefusal(() => post('join', body), 401, 'ATTESTATION_NONCE');
  });
});

describe('an honest document of another VM', () => {
  /** A document of that VM for claims that speak of this one. */
  const borrowed = async (from: [cluster: string, instanceId: string], claims: string): Promise<Attested> => ({
    claims,
    attestation: await attestationOf(starling, ...from, { claims }),
  });

  it('of another cluster is refused', async () => {
    const [agent] = await new Cluster(starling, 'other').agents();
    const body = await borrowed(['other', agent!.instanceId], claimsOf('join', silent[0]!));
    await expectRefusal(() => post('join', body), 403, 'UNKNOWN_INSTANCE');
  });

  it('of another cluster is refused where both have an instance of that id', async () => {
    const body = await borrowed(['other', '0'], claimsOf('join', '0'));
    await expectRefusal(() => post('join', body), 403, 'UNKNOWN_INSTANCE');
  });

  test.each(['9999', 'master0', 'master1'])('cannot pass for instance %s', async (instanceId) => {
    const body = await borrowed(['join', silent[0]!], claimsOf('join', instanceId));
    await expectRefusal(() => post('join', body), 403, 'UNKNOWN_INSTANCE');
  });

  it('cannot pass for its neighbour', async () => {
    const body = await borrowed(['join', silent[0]!], claimsOf('join', silent[1]!));
    await expectRefusal(() => post('join', body), 403, 'UNKNOWN_INSTANCE');
  });

  it('cannot be used at another cluster than the one it names', async () => {
    const [agent] = await new Cluster(starling, 'other').agents();
    const body = await attested(starling, 'other', agent!.instanceId);
    await expectRefusal(() => post('join', body), 403, 'CLAIMS_MISMATCH');
  });
});

describe('a document that cannot be read', () => {
  const honest = (): Promise<Attested> => attested(starling, 'join', silent[0]!);

  test.each<[what: string, change: (attestation: string) => string, status: number, code: string]>([
    ['that is empty', () => '', 400, 'ATTESTATION_MALFORMED'],
    ['of garbage bytes', () => Buffer.from('garbage'.repeat(100)).toString('base64'), 400, 'ATTESTATION_MALFORMED'],
    ['that is no base64', () => '*'.repeat(100), 400, 'ATTESTATION_MALFORMED'],
    ['cut in half', (text) => text.slice(0, Math.floor(text.length / 8) * 4), 400, 'ATTESTATION_MALFORMED'],
    [
      'with something behind it',
      (text) => Buffer.concat([Buffer.from(text, 'base64'), Buffer.from('x')]).toString('base64'),
      400,
      'ATTESTATION_MALFORMED',
    ],
    ['with line breaks', (text) => text.replace(/.{64}/g, '$&\n'), 400, 'ATTESTATION_MALFORMED'],
    ['over 16 KB', () => 'A'.repeat(16 * 1024 + 1), 413, 'ATTESTATION_TOO_LARGE'],
  ])('%s is refused', async (_, change, status, code) => {
    const { claims, attestation } = await honest();
    await expectRefusal(() => post('join', { claims, attestation: change(attestation) }), status, code);
  });

  test.each<[what: string, claims: string]>([
    ['that are empty', ''],
    ['that are no JSON', 'cluster=join'],
    ['that are null', 'null'],
    ['that are a list', '[]'],
    ['without an instance', '{"cluster":"join","hostname":"h","bootId":"b"}'],
    ['with a field that nobody knows', claimsOf('join', '0', { role: 'master' })],
    ['with __proto__', '{"__proto__":{"cluster":"join"}}'],
    ['with a path for an instance', claimsOf('join', '../0')],
    ['with a master that cannot be', claimsOf('join', 'master7')],
    ['with a number for an instance', '{"cluster":"join","hostname":"h","instanceId":0,"bootId":"b"}'],
    ['that are endless', claimsOf('join', '0', { hostname: 'h'.repeat(25_000) })],
  ])('for claims %s is refused', async (_, claims) => {
    const { attestation } = await honest();
    await expectRefusal(() => post('join', { claims, attestation }), 400, 'CLAIMS_MALFORMED');
  });

  test.each<[what: string, body: object, field: string]>([
    ['without an attestation', { claims: '{}' }, 'attestation'],
    ['without claims', { attestation: 'x' }, 'claims'],
    ['with an object for claims', { claims: {}, attestation: 'x' }, 'claims'],
    ['with a third field', { claims: '{}', attestation: 'x', nonce: nonceOf('{}') }, 'nonce'],
  ])('in a request %s is refused', async (_, body, field) => {
    const answer = await post('join', body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST', errors: [{ field }] } });
  });
});

describe('a replay', () => {
  it('after registration is refused, however fresh its proof', async () => {
    const body = await attested(starling, 'join', joined);
    await expectRefusal(() => post('join', body), 409, 'ALREADY_JOINED');
    await expectRefusal(() => post('join', body), 409, 'ALREADY_JOINED');
  });

  it('of a master is refused as well', async () => {
    const body = await attested(starling, 'join', 'master0');
    await expectRefusal(() => post('join', body), 409, 'ALREADY_JOINED');
  });
});

describe('reporting an engine', () => {
  const engine = { endpoint: 'https://evil.example:6443', ca: 'x', credential: 'x' };

  it('is for masters only', async () => {
    const body = await attested(starling, 'join', silent[0]!, engine);
    await expectRefusal(() => post('ready', body), 403, 'NOT_A_MASTER');
  });

  it('at a host that is not that very master is refused', async () => {
    const [{ fqdn }] = (await cluster.get()).endpoints;
    const others = [
      'https://evil.example:6443',
      `http://${fqdn}:6443`,
      `https://${fqdn}`,
      `https://${fqdn}:6443/`,
      `https://${fqdn}:6443@evil.example`,
      `https://${fqdn}.evil.example:6443`,
    ];
    for (const endpoint of others) {
      const body = await attested(starling, 'join', 'master0', { ...engine, endpoint });
      const answer = await expectRefusal(() => post('ready', body), 400, 'CLAIMS_MALFORMED');
      expect(answer.text).not.toContain('evil.example');
    }
  });

  it('with a CA that is none is refused', async () => {
    const [{ fqdn }] = (await cluster.get()).endpoints;
    const body = await attested(starling, 'join', 'master0', { ...engine, endpoint: `https://${fqdn}:6443` });
    await expectRefusal(() => post('ready', body), 400, 'CLAIMS_MALFORMED');
  });

  it('is refused to who cannot prove anything', async () => {
    const claims = claimsOf('join', 'master0', engine);
    const body = { claims, attestation: await attestationOf(starling, 'join', 'master0', { claims, forge: 'issuer' }) };
    await expectRefusal(() => post('ready', body), 401, 'ATTESTATION_UNTRUSTED');
  });
});

describe('a farewell', () => {
  it('is refused to who cannot prove anything, and the node goes on', async () => {
    const claims = claimsOf('join', joined);
    const body = { claims, attestation: await attestationOf(starling, 'join', joined, { claims, forge: 'signature' }) };
    await expectRefusal(() => post('leave', body), 401, 'ATTESTATION_SIGNATURE');
    expect((await cluster.engineNodes()).filter(({ unschedulable }) => unschedulable)).toEqual([]);
  });

  it('keeps new work from the node', async () => {
    const [agent] = (await cluster.agents()).filter(({ instanceId }) => instanceId === joined);
    const answer = await post('leave', await attested(starling, 'join', joined));
    expect(answer).toMatchObject({ status: 200, body: { accepted: true } });
    const cordoned = (await cluster.engineNodes()).filter(({ unschedulable }) => unschedulable);
    expect(cordoned.map(({ name }) => name)).toEqual([agent!.name]);
    expect(
      (await cluster.events()).some((event) => event.type === 'node.goingDown' && event.subject === agent!.name),
    ).toBe(true);
  });

  it('of a node that never joined harms nothing', async () => {
    expect((await post('leave', await attested(starling, 'join', silent[0]!))).status).toBe(200);
  });
});

it('has let none of the silent agents join', async () => {
  const states = (await cluster.agents())
    .filter(({ instanceId }) => silent.includes(instanceId))
    .map(({ state }) => state);
  expect(states).toEqual(['booting', 'booting']);
  expect(await tokens()).toEqual([]);
});

it('takes a report of a master that proves itself, and says so', async () => {
  const [{ fqdn }] = (await cluster.get()).endpoints;
  const ca = readFileSync(join(starling.stateDir, 'local-root.pem'), 'utf8');
  const credential = 'a-credential-that-nobody-shall-see';
  const report = { endpoint: `https://${fqdn}:6443`, ca, credential };
  const answer = await post('ready', await attested(starling, 'join', 'master0', report));
  expect(answer).toMatchObject({ status: 200, body: { accepted: true } });
  expect(api.faultsOf(`POST /api/${ROUTES.ready.path}`, answer)).toEqual([]);
  const events = await cluster.events();
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'engine.ready', message: expect.stringContaining(fqdn) }),
  );
  expect(JSON.stringify(events)).not.toContain(credential);
});
