import { createAuthority } from '../../local/engines/k3s/certificates';
import { createSwarmEngine } from '../../shared/engines/swarm/engine';
import type { EngineNode, EnginePort } from '../../shared/ports';
import { masterClaim, swarmEngineFixture, type SwarmEngineFixture } from './engine-swarm-fixture';
import { daemonStart, masterIp, START } from './swarm-fixture';

let fixture: SwarmEngineFixture;
let engine: EnginePort;

beforeEach(async () => {
  fixture = await swarmEngineFixture();
  engine = fixture.engine;
});

afterEach(() => fixture.close());

const node = async (name: string): Promise<EngineNode | undefined> =>
  (await engine.listNodes()).find((found) => found.name === name);
const idOf = (machineId: string): string => fixture.swarm.info(machineId).nodeId;
const MASTER0 = 'master0-1a2b';
const claimMaster = (index: number) => engine.claimNode(masterClaim(fixture, idOf(`master${index}`), index));

describe('nodes', () => {
  it('are listed with role, readiness, id, address, version and boot', async () => {
    await claimMaster(0);
    const id = await fixture.agent('agents-1');
    expect(await node(MASTER0)).toMatchObject({
      ...{ ready: true, schedulable: false, isMaster: true, address: masterIp(0), uid: idOf('master0') },
    });
    expect(await node('agents-1')).toEqual({
      ...{ name: 'agents-1', uid: id, ready: true, schedulable: true, isMaster: false, avoidsChaos: false },
      ...{ address: '172.31.1.4', version: '29.7.2', bootId: 'boot-of-agents-1', since: expect.any(String) },
    });
    expect(Date.parse((await node('agents-1'))!.since)).toBeGreaterThanOrEqual(START);
  });

  it('are nobody’s until they are claimed, and cannot hide since when', async () => {
    const id = await fixture.worker('stranger');
    await fixture.advance(300);
    fixture.swarm.stopDaemon('stranger');
    await fixture.advance(60);
    const found = (await engine.listNodes()).find(({ uid }) => uid === id)!;
    expect(found).toMatchObject({ name: `unclaimed-${id}`, isUnclaimed: true, ready: false });
    expect(Date.parse(found.since) - START).toBeLessThan(300_000);
    expect(await node('stranger')).toBeUndefined(); // its hostname is its own word
  });

  it('stay out of chaos when their label says so', async () => {
    await fixture.agent('agents-1', { labels: { 'starling.chaos': 'never' } });
    await fixture.agent('agents-2');
    expect((await node('agents-1'))?.avoidsChaos).toBe(true);
    expect((await node('agents-2'))?.avoidsChaos).toBe(false);
  });

  it('are read one by one; an unknown one is nothing', async () => {
    await fixture.agent('agents-1');
    await fixture.agent('agents-10');
    expect(await engine.getNode('agents-1')).toEqual(await node('agents-1'));
    expect(await engine.getNode('nobody')).toBeUndefined();
  });

  it('are not ready some time after their machine has gone, since when is told', async () => {
    await fixture.agent('agents-1');
    const before = (await node('agents-1'))!.since;
    fixture.swarm.stopDaemon('machine-of-agents-1');
    await fixture.advance(60);
    const after = await node('agents-1');
    expect(after).toMatchObject({ ready: false });
    expect(Date.parse(after!.since)).toBeGreaterThan(Date.parse(before));
  });

  it('stay as they are while the managers elect another leader', async () => {
    for (const index of [1, 2]) await fixture.master(index);
    await fixture.agent('agents-1');
    await fixture.agent('agents-2');
    fixture.swarm.stopDaemon('machine-of-agents-2');
    await fixture.advance(60);
    fixture.swarm.stopDaemon('master0');
    const survivor = fixture.engineOf(1, 2);
    const seen: string[] = [];
    for (let second = 0; second < 60; second += 1) {
      await fixture.advance(1);
      const found = await survivor.getNode('agents-1').catch(() => undefined); // nobody leads just now
      expect(found?.ready ?? true).toBe(true);
      expect((await survivor.getNode('agents-2').catch(() => undefined))?.ready ?? false).toBe(false);
      const filters = JSON.stringify({ 'node.label': ['starling.node=agents-1'] });
      const [told] = await fixture
        .dockerOf(1)
        .listNodes({ filters })
        .catch(() => []);
      if (told) seen.push((told as { Status: { State: string } }).Status.State);
    }
    expect(seen).toContain('unknown');
    expect(seen.at(-1)).toBe('ready');
  });

  it('are cordoned and uncordoned, also twice; an unknown one is told', async () => {
    await fixture.agent('agents-1');
    for (const schedulable of [false, false, true, true]) {
      expect(await (schedulable ? engine.uncordon('agents-1') : engine.cordon('agents-1'))).toBe(true);
      expect(await node('agents-1')).toMatchObject({ schedulable });
      expect((await node('agents-1'))?.isHeld ?? false).toBe(!schedulable);
    }
    expect(await engine.cordon('nobody')).toBe(false);
    expect(await engine.uncordon('nobody')).toBe(false);
  });

  it('that are masters stay drained when they are uncordoned', async () => {
    await claimMaster(0);
    await engine.cordon(MASTER0);
    expect(await node(MASTER0)).toMatchObject({ schedulable: false, isHeld: true });
    await engine.uncordon(MASTER0);
    expect(await node(MASTER0)).not.toHaveProperty('isHeld');
    expect(await node(MASTER0)).toMatchObject({ schedulable: false });
  });

  it('are removed only by their id, also while they answer, and a repeat is harmless', async () => {
    const id = await fixture.agent('agents-1');
    await engine.removeNode('agents-1', '0000000000000000000000000');
    expect(await node('agents-1')).toBeDefined();
    expect(await engine.removeNode('agents-1', id)).toBe(true);
    expect(await node('agents-1')).toBeUndefined();
    expect(await engine.removeNode('agents-1', id)).toBe(true);
  });

  it('that are masters are not removed while they have a vote', async () => {
    expect(await engine.removeNode(MASTER0, idOf('master0'))).toBe(false);
    expect(await engine.listNodes()).toHaveLength(1);
  });
});

describe('a claim', () => {
  it('names a node and gives it labels and work, and a repeat is harmless', async () => {
    const id = await fixture.worker('machine', { availability: 'drain' });
    const claim = fixture.claimOf(id, 'agents-1', { labels: { 'starling.instance': '7' } });
    expect(await engine.claimNode(claim)).toEqual({ ok: true });
    const { Spec } = await fixture.docker.getNode(id).inspect();
    expect(Spec).toMatchObject({
      Availability: 'active',
      Labels: { 'starling.node': 'agents-1', 'starling.vm': claim.vmId, 'starling.instance': '7' },
    });
    expect(await engine.claimNode(claim)).toEqual({ ok: true });
    expect(fixture.written).toHaveLength(1);
  });

  it('of a later boot tells the boot, and gives no work to what is cordoned', async () => {
    const id = await fixture.agent('agents-1');
    await engine.cordon('agents-1');
    expect(await engine.claimNode(fixture.claimOf(id, 'agents-1', { bootId: 'second' }))).toEqual({ ok: true });
    expect(await node('agents-1')).toMatchObject({ bootId: 'second', schedulable: false, isHeld: true });
  });

  it('of a later boot counts also from another address: the name says enough', async () => {
    const id = await fixture.agent('agents-1');
    const elsewhere = fixture.claimOf(id, 'agents-1', { address: '172.31.1.9', bootId: 'second' });
    expect(await engine.claimNode(elsewhere)).toEqual({ ok: true });
    expect(await node('agents-1')).toMatchObject({ bootId: 'second' });
  });

  it('of a master leaves it drained', async () => {
    expect(await claimMaster(0)).toEqual({ ok: true });
    expect(await node(MASTER0)).toMatchObject({ isMaster: true, schedulable: false });
  });

  it.each<[string, (id: string) => Parameters<EnginePort['claimNode']>[0], RegExp]>([
    ['of an unknown node', () => fixture.claimOf('0'.repeat(25), 'agents-9'), /has no node 0{25}/],
    ['of a worker by a master', (id) => masterClaim(fixture, id, 1), /is no manager/],
    ['of a manager by an agent', () => fixture.claimOf(idOf('master0'), 'agents-9'), /is a manager/],
    ['from another address', (id) => fixture.claimOf(id, 'agents-9', { address: '172.31.1.9' }), /at 172.31.1.4/],
    ['of a manager elsewhere', () => masterClaim(fixture, idOf('master0'), 1), /at 172.31.0.10/],
  ])('%s is refused', async (_, claim, message) => {
    const id = await fixture.worker('machine');
    expect(await engine.claimNode(claim(id))).toEqual({
      ok: false,
      code: 'CLAIMS_MISMATCH',
      message: expect.stringMatching(message),
    });
    expect(await node('agents-9')).toBeUndefined();
  });

  it('of a node with another name, and of a name that a ready node has, is refused', async () => {
    const id = await fixture.agent('agents-1');
    expect(await engine.claimNode(fixture.claimOf(id, 'agents-2'))).toMatchObject({ code: 'CLAIMS_MISMATCH' });
    const other = await fixture.worker('other');
    expect(await engine.claimNode(fixture.claimOf(other, 'agents-1'))).toMatchObject({ code: 'CLAIMS_MISMATCH' });
    expect(await node('agents-1')).toMatchObject({ uid: id });
  });

  it('of a machine that has joined anew removes what it was before', async () => {
    const former = await fixture.agent('agents-1');
    fixture.swarm.forget('machine-of-agents-1');
    await fixture.advance(60);
    const id = await fixture.worker('machine-of-agents-1');
    expect(await engine.claimNode(fixture.claimOf(id, 'agents-1'))).toEqual({ ok: true });
    expect((await engine.listNodes()).map(({ uid }) => uid)).not.toContain(former);
    expect(await node('agents-1')).toMatchObject({ uid: id, ready: true });
  });

  it('of a master that has joined anew takes the vote of what it was before', async () => {
    for (const index of [1, 2]) await fixture.master(index);
    for (const index of [0, 1, 2]) expect(await claimMaster(index)).toEqual({ ok: true });
    const former = idOf('master2');
    fixture.swarm.forget('master2');
    await fixture.advance(60);
    const id = await fixture.master(2);
    expect(await claimMaster(2)).toEqual({ ok: true });
    await fixture.advance(30);
    expect((await engine.listNodes()).map(({ uid }) => uid)).not.toContain(former);
    expect(await node('master2-1a2b')).toMatchObject({ uid: id, ready: true });
    expect((await engine.listNodes()).filter(({ isMaster }) => isMaster)).toHaveLength(3);
  });

  it('that loses against other writers is made again', async () => {
    const id = await fixture.worker('machine', { availability: 'drain' });
    const claims = ['first', 'second', 'third', 'fourth'].map((bootId) => fixture.claimOf(id, 'agents-1', { bootId }));
    const answers = await Promise.all(claims.map((claim) => engine.claimNode(claim)));
    expect(answers).toEqual(claims.map(() => ({ ok: true })));
    expect(await node('agents-1')).toMatchObject({ schedulable: true });
  });
});

describe('join tokens', () => {
  const TOKEN = { id: 'abc123', secret: '0123456789abcdef', expiresAt: '' };
  const join = (machineId: string, token: string) => {
    fixture.swarm.startDaemon(daemonStart(machineId));
    return fixture.swarm.join(machineId, { remoteAddrs: [`${masterIp(0)}:2377`], token });
  };

  it('are the swarm’s own: one admits agents, the other masters', async () => {
    const { Worker, Manager } = await fixture.tokens();
    expect(await engine.admitToken(TOKEN)).toBe(Worker);
    expect(await engine.masterToken('')).toBe(Manager);
    expect(join('agent', Worker)).toMatchObject({ ok: true });
  });

  it('change once nobody waits with one any more, not before, and not again', async () => {
    const given = await engine.admitToken(TOKEN);
    const manager = await engine.masterToken('');
    await engine.endTokens([], true);
    expect(await engine.admitToken(TOKEN)).toBe(given);
    await engine.endTokens([], false);
    const after = await fixture.tokens();
    expect(after.Worker).not.toBe(given);
    expect(after.Manager).not.toBe(manager);
    await engine.endTokens([], false);
    expect(await fixture.tokens()).toEqual(after);
    expect(join('late', given)).toMatchObject({ ok: false });
    expect(join('next', await engine.admitToken(TOKEN))).toMatchObject({ ok: true });
  });

  it('change after a quarter of an hour although somebody waits', async () => {
    const given = await engine.admitToken(TOKEN);
    await fixture.advance(10 * 60);
    expect(await engine.admitToken(TOKEN)).toBe(given); // the first one counts
    await fixture.advance(6 * 60);
    await engine.endTokens([], true);
    expect((await fixture.tokens()).Worker).not.toBe(given);
  });

  it('change once a day although nobody was given one', async () => {
    const first = await fixture.tokens();
    await fixture.advance(23 * 3_600);
    await engine.endTokens([], false);
    expect(await fixture.tokens()).toEqual(first);
    await fixture.advance(2 * 3_600);
    await engine.endTokens([], false);
    const second = await fixture.tokens();
    expect(second).not.toEqual(first);
    await fixture.advance(23 * 3_600);
    await engine.endTokens([], false);
    expect(await fixture.tokens()).toEqual(second);
  });

  it('that two instances of the app end at once change once', async () => {
    await engine.admitToken(TOKEN);
    await Promise.all([1, 2, 3].map(() => engine.endTokens([], false)));
    expect(fixture.written).toEqual(['POST /swarm/update', 'POST /swarm/update']); // given, rotated
  });

  it('are revoked at once, and nodes that have joined stay', async () => {
    await fixture.agent('agents-1');
    const given = await engine.admitToken(TOKEN);
    await engine.revokeTokens([TOKEN.id]);
    expect(join('late', given)).toMatchObject({ ok: false });
    await fixture.advance(60);
    expect(await node('agents-1')).toMatchObject({ ready: true });
    const after = await fixture.tokens();
    await engine.endTokens([], false);
    expect(await fixture.tokens()).toEqual(after);
  });

  it('leave everything else of the swarm as it was', async () => {
    const { Spec } = await fixture.docker.swarmInspect();
    await engine.admitToken(TOKEN);
    await engine.endTokens([], false);
    const after = await fixture.docker.swarmInspect();
    expect({ ...after.Spec, Labels: {} }).toEqual({ ...Spec, Labels: {} });
    expect(Object.keys(after.Spec.Labels)).toEqual(['starling.tokens-rotated']);
  });
});

describe('operators', () => {
  it('get no token of a swarm, which has none', async () => {
    await expect(engine.operatorToken(60_000)).rejects.toMatchObject({ code: 'UNSUPPORTED_ENGINE' });
  });
});

describe('trouble', () => {
  it('a certificate that is not known is worth another try, and its key never shown', async () => {
    const report = fixture.reportOf(0);
    fixture.swarm.renewTls('master0');
    await fixture.advance(10);
    const stranger = createSwarmEngine([{ ...fixture.reportOf(0), credential: report.credential }]);
    const error = await stranger.listNodes().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'AppError',
      code: 'ENGINE_UNREACHABLE',
      message: /Could not list the nodes: /,
    });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('PRIVATE KEY');
  });

  it('a server with a certificate of another CA is not the cluster, whatever the machine trusts', async () => {
    const { certificatePem } = await createAuthority('somebody else');
    const mistaken = createSwarmEngine([{ ...fixture.reportOf(0), caPem: certificatePem }]);
    await expect(mistaken.listNodes()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });

  it('a server under another name than the pinned one is not the cluster', async () => {
    await fixture.master(1);
    const elsewhere = { ...fixture.reportOf(0), endpoint: fixture.reportOf(1).endpoint };
    await expect(createSwarmEngine([elsewhere]).listNodes()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });

  it('a master that does not answer is unreachable, and reachable again when it is back', async () => {
    fixture.swarm.stopDaemon('master0');
    await expect(engine.listNodes()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    fixture.swarm.startDaemon(daemonStart('master0', { ip: masterIp(0) }));
    await fixture.advance(30);
    expect(await engine.listNodes()).toHaveLength(1);
  });

  it('another master is asked while the first does not answer, or is a manager no longer', async () => {
    for (const index of [1, 2]) await fixture.master(index);
    await claimMaster(0);
    const survivor = fixture.engineOf(0, 1);
    fixture.swarm.stopDaemon('master0');
    await fixture.advance(60);
    expect(await survivor.listNodes()).toHaveLength(3);
    fixture.swarm.startDaemon(daemonStart('master0', { ip: masterIp(0) }));
    await fixture.advance(30);
    await survivor.removeMember(MASTER0);
    await fixture.advance(60);
    expect(await fixture.engineOf(0, 1).listNodes()).toHaveLength(3);
    await expect(fixture.engineOf(0).listNodes()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: /not a swarm manager/,
    });
  });

  it('managers without a majority cannot answer for the swarm', async () => {
    for (const index of [1, 2]) await fixture.master(index);
    const left = fixture.engineOf(0, 1, 2);
    for (const index of [1, 2]) fixture.swarm.stopDaemon(`master${index}`);
    await fixture.advance(60);
    await expect(left.listNodes()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });

  describe('an answer to a write that is lost', () => {
    const writes: [string, (engine: EnginePort, id: string) => Promise<unknown>, unknown][] = [
      ['claims', (one, id) => one.claimNode(fixture.claimOf(id, 'agents-1', { bootId: 'next' })), { ok: true }],
      ['cordons', (one) => one.cordon('agents-1'), true],
      ['drains', (one) => one.evict('agents-1'), { remaining: 0, blocked: [] }],
      ['removes', (one, id) => one.removeNode('agents-1', id), true],
      ['takes a vote', (one) => one.removeMember('master1-1a2b'), 'pending'],
      ['hands out a token', (one) => one.admitToken({ id: '', secret: '', expiresAt: '' }), expect.any(String)],
      ['revokes tokens', (one) => one.revokeTokens([]), undefined],
    ];

    it.each(writes)('is made up for at the next master by whoever %s', async (_, write, result) => {
      for (const index of [1, 2]) await fixture.master(index);
      await claimMaster(1);
      const id = await fixture.agent('agents-1');
      fixture.loseNextAnswer();
      expect(await write(fixture.engineOf(0, 2), id)).toEqual(result);
    });

    it.each(writes)('is no trouble to whoever %s again', async (_, write, result) => {
      for (const index of [1, 2]) await fixture.master(index);
      await claimMaster(1);
      const id = await fixture.agent('agents-1');
      fixture.loseNextAnswer();
      await expect(write(engine, id)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
      expect(await write(engine, id)).toEqual(result);
    });

    it('changes tokens once', async () => {
      await fixture.master(1);
      fixture.loseNextAnswer();
      await fixture.engineOf(0, 1).revokeTokens([]);
      expect(fixture.written).toEqual(['POST /swarm/update']);
    });
  });

  it('does not come from a new connection for every call', async () => {
    const before = fixture.connections();
    for (let call = 0; call < 5; call += 1) await createSwarmEngine([fixture.reportOf(0)]).listNodes();
    expect(fixture.connections() - before).toBeLessThanOrEqual(1);
  });

  it('a port at which nothing listens is unreachable', async () => {
    const nowhere = { ...fixture.reportOf(0), endpoint: 'https://localhost:1' };
    await expect(createSwarmEngine([nowhere]).listNodes()).rejects.toMatchObject({
      ...{ code: 'ENGINE_UNREACHABLE', message: /Could not list the nodes: ECONNREFUSED/ },
    });
  });
});
