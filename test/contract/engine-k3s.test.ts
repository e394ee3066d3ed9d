import { createHash, X509Certificate } from 'node:crypto';
import type { Server } from 'node:https';
import type { VirtualClock } from '../../local/clock';
import { createAuthority, issueServerCertificate } from '../../local/engines/k3s/certificates';
import type { K3s } from '../../local/engines/k3s/k3s';
import type { JoinRequest } from '../../local/engines/k3s/supervisor';
import { connectEngine } from '../../shared/engines/connect';
import { formatToken } from '../../shared/engines/k3s/token';
import { caHash } from '../../shared/engines/k3s/token';
import type { EngineAccess, EnginePort, JoinToken } from '../../shared/ports';
import { engineFixture, MASTER_FQDN, type EngineFixture } from './engine-fixture';
import { START } from './k3s-fixture';

const TOKEN: JoinToken = {
  id: 'abc123',
  secret: '0123456789abcdef',
  expiresAt: new Date(START + 900_000).toISOString(),
};

let fixture: EngineFixture;
let clock: VirtualClock;
let k3s: K3s;
let listener: Server;
let access: EngineAccess;
let engine: EnginePort;
beforeEach(async () => {
  fixture = await engineFixture();
  ({ clock, k3s, listener, access, engine } = fixture);
});
afterEach(() => fixture.close());

const joinAgent = (nodeName: string, token: string, more: Partial<JoinRequest> = {}) =>
  k3s.joinAgent({
    clusterName: 'blue',
    serverUrl: 'https://10.0.0.4:6443',
    token,
    nodeName,
    nodePassword: `password of ${nodeName}`,
    machineId: `machine of ${nodeName}`,
    ip: '10.0.1.4',
    role: 'agent',
    labels: {},
    version: 'v1.36.2+k3s1',
    bootId: `boot of ${nodeName}`,
    ...more,
  });

/** Agents that joined with Starling's token and are Ready, with the demo workload spread over them. */
async function joinAgents(...names: string[]): Promise<void> {
  await engine.admitToken(TOKEN);
  for (const name of names) expect(joinAgent(name, formatToken(access.caPem, TOKEN))).toMatchObject({ ok: true });
  await clock.advance(60_000);
}

const budget = (allowed: number | null) =>
  k3s.control({
    method: 'POST',
    url: new URL('http://127.0.0.1/_local/engine/blue/disruption-budget'),
    headers: {},
    body: JSON.stringify({ allowed }),
  });

const node = async (name: string) => (await engine.listNodes()).find((found) => found.name === name);

describe('nodes', () => {
  it('are listed with role, readiness, uid, address and since when', async () => {
    await joinAgents('agents-1');
    expect(await node('master0')).toMatchObject({ ready: true, schedulable: true, isMaster: true });
    const agent = await node('agents-1');
    expect(agent).toMatchObject({ ready: true, schedulable: true, isMaster: false, address: '10.0.1.4' });
    expect(agent?.uid).not.toBe('');
    expect(new Date(agent?.since ?? '').getTime()).toBeGreaterThanOrEqual(START);
  });

  it('tell their version and the boot they are in, which a restart changes', async () => {
    await joinAgents('agents-1');
    expect(await node('agents-1')).toMatchObject({ version: 'v1.36.2+k3s1', bootId: 'boot of agents-1' });
    k3s.startServer(MASTER_FQDN, { bootId: 'second boot', version: 'v1.37.0+k3s1' });
    await clock.advance(10_000);
    expect(await node('master0')).toMatchObject({ ready: true, version: 'v1.37.0+k3s1', bootId: 'second boot' });
  });

  it('stay out of chaos when their label says so', async () => {
    await engine.admitToken(TOKEN);
    joinAgent('agents-1', formatToken(access.caPem, TOKEN), { labels: { 'starling.io/chaos': 'never' } });
    joinAgent('agents-2', formatToken(access.caPem, TOKEN));
    expect((await node('agents-1'))?.avoidsChaos).toBe(true);
    expect((await node('agents-2'))?.avoidsChaos).toBe(false);
  });

  it('are listed beyond the first page', async () => {
    await engine.admitToken(TOKEN);
    for (let wave = 0; wave < 50; wave += 1) {
      for (let index = 0; index < 10; index += 1)
        joinAgent(`agents-${wave}-${index}`, formatToken(access.caPem, TOKEN));
      await clock.advance(600); // the supervisor takes ten at a time
    }
    expect(await engine.listNodes()).toHaveLength(501);
  });

  it('are read one by one; an unknown one is nothing', async () => {
    expect(await engine.getNode('master0')).toEqual(await node('master0'));
    expect(await engine.getNode('nobody')).toBeUndefined();
  });

  it('are cordoned and uncordoned, also twice; an unknown one is told', async () => {
    for (const schedulable of [false, false, true, true]) {
      expect(await (schedulable ? engine.uncordon('master0') : engine.cordon('master0'))).toBe(true);
      expect(await node('master0')).toMatchObject({ schedulable });
    }
    expect(await engine.cordon('nobody')).toBe(false);
    expect(await engine.uncordon('nobody')).toBe(false);
  });

  it('are removed only while they have the uid, and a repeat is harmless', async () => {
    await joinAgents('agents-1');
    const { uid } = (await node('agents-1'))!;
    expect(await engine.removeNode('agents-1', 'another-uid')).toBe(false);
    expect(await node('agents-1')).toBeDefined();
    expect(await engine.removeNode('agents-1', uid)).toBe(true);
    expect(await node('agents-1')).toBeUndefined();
    expect(await engine.removeNode('agents-1', uid)).toBe(true);
  });

  it('leave no password behind that would refuse the next machine of the name', async () => {
    await joinAgents('agents-1');
    const next = { machineId: 'another machine', nodePassword: 'another password' };
    expect(joinAgent('agents-1', formatToken(access.caPem, TOKEN), next)).toMatchObject({ ok: false });
    await engine.removeNode('agents-1', (await node('agents-1'))!.uid);
    expect(joinAgent('agents-1', formatToken(access.caPem, TOKEN), next)).toMatchObject({ ok: true });
  });
});

describe('join tokens', () => {
  it('admit an agent, also when made twice', async () => {
    await engine.admitToken(TOKEN);
    await engine.admitToken(TOKEN);
    expect(joinAgent('agents-1', formatToken(access.caPem, TOKEN))).toMatchObject({ ok: true });
  });

  it('admit nobody before they were made, after they were revoked or when they have expired', async () => {
    expect(joinAgent('agents-1', formatToken(access.caPem, TOKEN))).toMatchObject({ ok: false });
    await engine.admitToken(TOKEN);
    await engine.revokeTokens([TOKEN.id, 'zzz999']);
    await engine.revokeTokens([TOKEN.id]);
    expect(joinAgent('agents-1', formatToken(access.caPem, TOKEN))).toMatchObject({ ok: false });
    await engine.admitToken(TOKEN);
    await clock.advance(901_000);
    expect(joinAgent('agents-1', formatToken(access.caPem, TOKEN))).toMatchObject({ ok: false });
  });

  it('carry the hash of the CA file as it is', () => {
    const hash = createHash('sha256').update(access.caPem).digest('hex');
    expect(formatToken(access.caPem, TOKEN)).toBe(`K10${hash}::abc123.0123456789abcdef`);
  });

  it('carry the hash of the root when the CA file is a bundle', async () => {
    const root = await createAuthority('root');
    const leaf = issueServerCertificate(root, ['localhost'], []);
    const other = await createAuthority('other');
    const bundle = `${leaf.certificatePem}\n${other.certificatePem}\n${root.certificatePem}`;
    expect(caHash(bundle)).toBe(
      createHash('sha256').update(new X509Certificate(root.certificatePem).raw).digest('hex'),
    );
  });

  it.each([
    { ...TOKEN, id: 'ABC123' },
    { ...TOKEN, secret: 'short' },
    { ...TOKEN, id: 'abc123\n' },
  ])('of another shape are refused: %j', (token) => {
    expect(() => formatToken(access.caPem, token)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});

describe('eviction', () => {
  it('asks every pod that matters to leave, pass by pass, until none remains', async () => {
    await joinAgents('agents-1', 'agents-2', 'agents-3');
    await engine.cordon('agents-1');
    const first = await engine.evict('agents-1');
    expect(first.remaining).toBeGreaterThan(0);
    expect(first.blocked).toEqual([]);
    await clock.advance(60_000);
    expect(await engine.evict('agents-1')).toEqual({ remaining: 0, blocked: [] });
  });

  it('names the pods that a disruption budget holds back, and why', async () => {
    await joinAgents('agents-1', 'agents-2', 'agents-3');
    budget(0);
    await engine.cordon('agents-1');
    const { remaining, blocked } = await engine.evict('agents-1');
    expect(blocked).toHaveLength(remaining);
    expect(blocked[0]).toMatch(/^default\/web-\S+: The disruption budget web does not allow/);
    budget(null);
    await engine.evict('agents-1');
    await clock.advance(60_000);
    expect(await engine.evict('agents-1')).toEqual({ remaining: 0, blocked: [] });
  });

  it('finds nothing on a node that is not there', async () => {
    expect(await engine.evict('nobody')).toEqual({ remaining: 0, blocked: [] });
  });
});

describe('trouble', () => {
  it('a credential that is not known, perhaps not yet, is worth another try, and never shown', async () => {
    const stranger = connectEngine('k3s', [{ ...access, credential: 'secret-of-a-stranger' }]);
    const error = await stranger.listNodes().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'AppError', code: 'ENGINE_UNREACHABLE', message: /refused to list the nodes/ });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret-of-a-stranger');
  });

  it('a server with a certificate of another CA is not the cluster, whatever the machine trusts', async () => {
    const { certificatePem } = await createAuthority('somebody else');
    const mistaken = connectEngine('k3s', [{ ...access, caPem: certificatePem }]);
    await expect(mistaken.listNodes()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });

  it('a server under another name than the pinned one is not the cluster', async () => {
    const elsewhere = { ...access, endpoint: access.endpoint.replace(MASTER_FQDN, '127.0.0.1') };
    await expect(connectEngine('k3s', [elsewhere]).listNodes()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });

  it('a master that does not answer is unreachable, and reachable again when it is back', async () => {
    k3s.stopServer(MASTER_FQDN);
    listener.closeAllConnections();
    await expect(engine.listNodes()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    k3s.startServer(MASTER_FQDN);
    await clock.advance(10_000);
    expect(await engine.listNodes()).toHaveLength(1);
  });

  it('another master is asked while the first does not answer', async () => {
    const dead = `https://${MASTER_FQDN}:1`; // nothing listens there
    const survivor = connectEngine('k3s', [{ ...access, endpoint: dead, others: [access.endpoint] }]);
    expect(await survivor.listNodes()).toHaveLength(1);
    expect(await survivor.listNodes()).toHaveLength(1);
  });

  it('a port at which nothing listens is unreachable', async () => {
    const { port } = new URL(access.endpoint);
    listener.closeAllConnections();
    await new Promise((resolve) => listener.close(resolve));
    const error = await connectEngine('k3s', [access])
      .listNodes()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ENGINE_UNREACHABLE', message: /Could not list the nodes: ECONNREFUSED/ });
    await new Promise<void>((resolve) => listener.listen(Number(port), MASTER_FQDN, resolve));
  });

  it('does not come from a new connection for every call', async () => {
    let connections = 0;
    listener.on('secureConnection', () => (connections += 1));
    for (let call = 0; call < 5; call += 1) await connectEngine('k3s', [{ ...access }]).listNodes();
    expect(connections).toBe(1);
  });
});
