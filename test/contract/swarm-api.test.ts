import type Docker from 'dockerode';
import { daemonStart, fqdnOf, masterIp, refusalOf, swarmFixture, type SwarmFixture } from './swarm-fixture';

/** The real client against the simulated Docker Engine API, over mutual TLS. */
describe('the API of a Swarm manager', () => {
  let blue: SwarmFixture;
  beforeEach(async () => {
    blue = await swarmFixture();
  });
  afterEach(() => blue.close());

  const node = async (id: string): Promise<Docker.Node> => blue.docker.getNode(id);
  const inspect = async (id: string) => (await (await node(id)).inspect()) as SwarmNode;
  const nodes = async (filters: object = {}) =>
    (await blue.docker.listNodes({ filters: JSON.stringify(filters) })) as SwarmNode[];
  /** Reads, changes and writes the spec, as every client must. */
  const update = async (id: string, change: Partial<SwarmNode['Spec']>): Promise<void> => {
    const { Version, Spec } = await inspect(id);
    await (await node(id)).update({ version: Version.Index, ...Spec, ...change });
  };
  const remove = async (id: string, force = false) => (await node(id)).remove({ force });

  describe('doors', () => {
    it('answers to the client certificate that the manager reported', async () => {
      expect(String(await blue.docker.ping())).toBe('OK');
      expect(await blue.docker.version()).toMatchObject({ Version: '29.7.2', ApiVersion: '1.55' });
    });

    it('cuts the connection of a client without a certificate, and of one with the certificate of another manager', async () => {
      await blue.master(1);
      const mine = blue.swarm.serveTls('master0', { fqdn: fqdnOf(0) });
      const other = blue.swarm.serveTls('master1', { fqdn: fqdnOf(1) });
      await expect(blue.dockerAt({ identity: { ca: mine?.ca } }).ping()).rejects.toThrow(CUT_OFF);
      const stranger = { ca: mine?.ca ?? '', credential: other?.credential ?? '' };
      await expect(blue.dockerAt({ identity: stranger }).ping()).rejects.toThrow(CUT_OFF);
    });

    it('is trusted by its own authority only', async () => {
      await blue.master(1);
      const other = blue.swarm.serveTls('master1', { fqdn: fqdnOf(1) });
      const mine = blue.swarm.serveTls('master0', { fqdn: fqdnOf(0) });
      const misled = { ca: other?.ca ?? '', credential: mine?.credential ?? '' };
      await expect(blue.dockerAt({ identity: misled }).ping()).rejects.toThrow(/certificate/);
    });

    it('cuts the connection at a name at which no daemon answers, or none that runs', async () => {
      await expect(blue.dockerAt({ servername: 'nobody.example' }).ping()).rejects.toThrow(CUT_OFF);
      blue.swarm.stopDaemon('master0');
      await expect(blue.dockerAt({}).ping()).rejects.toThrow(CUT_OFF);
    });

    it('knows the old client no more after its certificates were made anew, not even on an open connection', async () => {
      await blue.docker.ping();
      const renewed = blue.swarm.renewTls('master0');
      await expect(blue.docker.ping()).rejects.toThrow(CUT_OFF);
      expect(String(await blue.dockerAt({ identity: renewed }).ping())).toBe('OK');
    });

    it('refuses versions of the API that its Engine does not speak', async () => {
      const asked = (version: string) => refusalOf(call(blue.docker, { path: `/v${version}/info` }));
      expect((await asked('1.39')).message).toBe(
        'client version 1.39 is too old. Minimum supported API version is 1.40, please upgrade your client to a newer version',
      );
      expect(await asked('1.56')).toEqual({
        statusCode: 400,
        message: 'client version 1.56 is too new. Maximum supported API version is 1.55',
      });
      expect(await call(blue.docker, { path: '/v1.44/info' })).toMatchObject({ ServerVersion: '29.7.2' });
    });

    it('has no other pages', async () => {
      expect(await refusalOf(call(blue.docker, { path: '/plugins' }))).toEqual({
        statusCode: 404,
        message: 'page not found',
      });
    });
  });

  it.each([
    ['29.0.4', '1.43', '1.44'],
    ['20.10.24', '1.42', undefined],
  ])('speaks as Engine %s does', async (version, refused, oldest) => {
    const old = await swarmFixture({ version });
    const { statusCode, message } = await refusalOf(call(old.docker, { path: `/v${refused}/_ping` }));
    expect(statusCode).toBe(400);
    expect(message).toContain(oldest ? `Minimum supported API version is ${oldest}` : 'too new');
    await old.close();
  });

  describe('joining', () => {
    it('takes in workers with the availability that they ask for', async () => {
      const id = await blue.worker('a1', { availability: 'drain' });
      expect(await inspect(id)).toMatchObject({
        ID: expect.stringMatching(/^[a-z0-9]{25}$/),
        Spec: { Role: 'worker', Availability: 'drain', Labels: {} },
        Description: { Hostname: 'a1', Engine: { EngineVersion: '29.7.2' } },
        Status: { State: 'ready', Addr: '172.31.1.4' },
      });
      expect(blue.swarm.info('a1')).toEqual({
        state: 'active',
        nodeId: id,
        error: '',
        isManager: false,
        nodeAddr: '172.31.1.4',
      });
    });

    it('lets nobody in with a rotated token, and whoever is in stays', async () => {
      const first = await blue.worker('a1');
      const before = await blue.tokens();
      await updateSwarm({ rotateWorkerToken: true });
      const after = await blue.tokens();
      expect(after.Worker).not.toBe(before.Worker);
      expect(after.Worker.split('-')[2]).toBe(before.Worker.split('-')[2]); // the digest of the same authority
      expect(after.Manager).toBe(before.Manager);
      blue.swarm.startDaemon(daemonStart('a2'));
      const options = { remoteAddrs: [`${masterIp(0)}:2377`] };
      expect(blue.swarm.join('a2', { ...options, token: before.Worker })).toEqual({
        ok: false,
        status: 400,
        message: 'rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster',
      });
      expect(blue.swarm.info('a2').state).toBe('inactive');
      expect(blue.swarm.join('a2', { ...options, token: after.Worker })).toMatchObject({ ok: true });
      blue.swarm.stopDaemon('a1');
      blue.swarm.startDaemon(daemonStart('a1', { bootId: 'another' }));
      await blue.advance(30);
      expect((await inspect(first)).Status.State).toBe('ready');
    });

    it('refuses texts that are no token, tokens of another swarm, and daemons that are in one', async () => {
      blue.swarm.startDaemon(daemonStart('a1'));
      const join = (token: string) => blue.swarm.join('a1', { remoteAddrs: [`${masterIp(0)}:2377`], token });
      expect(join('SWMTKN')).toMatchObject({ ok: false, message: 'invalid join token' });
      const { Worker } = await blue.tokens();
      const foreign = Worker.replace(Worker.split('-')[2] ?? '', '0'.repeat(50));
      expect(join(foreign)).toMatchObject({ ok: false, message: expect.stringMatching(/remote CA does not match/) });
      expect(join(Worker)).toMatchObject({ ok: true });
      expect(join(Worker)).toMatchObject({
        ok: false,
        status: 503,
        message: expect.stringMatching(/^This node is already part of a swarm/),
      });
    });

    it('goes on in the background while no manager answers', async () => {
      const { Worker } = await blue.tokens();
      blue.swarm.stopDaemon('master0');
      blue.swarm.startDaemon(daemonStart('a1'));
      const refused = blue.swarm.join('a1', { remoteAddrs: [`${masterIp(0)}:2377`], token: Worker });
      expect(refused).toMatchObject({ ok: false, status: 503, message: expect.stringMatching(/^Timeout was reached/) });
      expect(blue.swarm.info('a1')).toMatchObject({ state: 'pending', nodeId: '' });
      await blue.advance(60);
      blue.swarm.startDaemon(daemonStart('master0', { ip: masterIp(0) }));
      await blue.advance(20);
      expect(blue.swarm.info('a1')).toMatchObject({ state: 'active' });
      expect((await nodes()).map(({ Description }) => Description.Hostname).sort()).toEqual(['a1', 'master0']);
    });

    it('asks the first address only', async () => {
      const { Worker } = await blue.tokens();
      blue.swarm.startDaemon(daemonStart('a1'));
      const remoteAddrs = ['172.31.0.99:2377', `${masterIp(0)}:2377`];
      expect(blue.swarm.join('a1', { remoteAddrs, token: Worker })).toMatchObject({ ok: false, status: 503 });
    });

    it('can be asked for through the API of a daemon that is in no swarm', async () => {
      const { Worker } = await blue.tokens();
      blue.swarm.startDaemon(daemonStart('lonely', { ip: masterIp(7) }));
      const identity = blue.swarm.serveTls('lonely', { fqdn: fqdnOf(7) });
      const lonely = blue.dockerAt({ servername: fqdnOf(7), identity });
      const { statusCode, message } = await refusalOf(lonely.listNodes());
      expect(statusCode).toBe(503);
      expect(message).toMatch(/^This node is not a swarm manager. Use "docker swarm init"/);
      const RemoteAddrs = [`${masterIp(0)}:2377`];
      await lonely.swarmJoin({
        ListenAddr: '0.0.0.0:2377',
        AdvertiseAddr: masterIp(7),
        RemoteAddrs,
        JoinToken: Worker,
      });
      expect(((await lonely.info()) as Info).Swarm).toMatchObject({
        LocalNodeState: 'active',
        ControlAvailable: false,
      });
      expect((await refusalOf(lonely.listServices())).message).toMatch(/Worker nodes can't be used to view or modify/);
      await lonely.swarmLeave({});
      expect(((await lonely.info()) as Info).Swarm).toMatchObject({ LocalNodeState: 'inactive', NodeID: '' });
    });
  });

  describe('nodes', () => {
    it('are replaced whole by an update, and only in the version that was read', async () => {
      const id = await blue.worker('a1');
      await update(id, { Labels: { 'starling.node': 'a1' } });
      const { Version } = await inspect(id);
      await update(id, { Availability: 'drain' });
      const stale = { version: Version.Index, Labels: {}, Role: 'worker', Availability: 'active' };
      expect(await refusalOf((await node(id)).update(stale))).toEqual({
        statusCode: 500,
        message: 'rpc error: code = Unknown desc = update out of sequence',
      });
      const { Version: latest } = await inspect(id);
      const half = { version: latest.Index, Role: 'worker' };
      expect((await refusalOf((await node(id)).update(half))).message).toBe('invalid Availability: ""');
      await (await node(id)).update({ ...half, Availability: 'pause' });
      expect((await inspect(id)).Spec).toEqual({ Labels: {}, Role: 'worker', Availability: 'pause' });
    });

    it('change their version also when they come and go', async () => {
      const id = await blue.worker('a1');
      const { Version, Spec } = await inspect(id);
      blue.swarm.stopDaemon('a1');
      await blue.advance(20);
      expect((await refusalOf((await node(id)).update({ version: Version.Index, ...Spec }))).statusCode).toBe(500);
    });

    it('are found by id, by the beginning of an id and by name, where the name is not that of two', async () => {
      const first = await blue.worker('a1');
      expect((await inspect(first.slice(0, 12))).ID).toBe(first);
      expect((await inspect('a1')).ID).toBe(first);
      blue.swarm.forget('a1'); // a reimage: another disk, the same hostname
      await blue.worker('a1');
      expect(await refusalOf(inspect('a1'))).toEqual({
        statusCode: 400,
        message: 'node a1 is ambiguous (2 matches found)',
      });
      expect(await refusalOf(inspect('a9'))).toEqual({ statusCode: 404, message: 'node a9 not found' });
    });

    it('are listed by role, label, membership, id and the beginning of the name', async () => {
      const [a1, a2] = [await blue.worker('a1'), await blue.worker('a2')];
      await update(a2, { Labels: { tier: 'gold' } });
      const listed = async (filters: object) => (await nodes(filters)).map(({ ID }) => ID).sort();
      const all = [a1, a2].sort();
      expect(await listed({ role: ['worker'] })).toEqual(all);
      expect(await listed({ 'node.label': ['tier=gold'] })).toEqual([a2]);
      expect(await listed({ 'node.label': ['tier'] })).toEqual([a2]);
      expect(await listed({ name: ['a'] })).toEqual(all);
      expect(await listed({ id: [a1] })).toEqual([a1]);
      expect(await listed({ membership: ['pending'] })).toEqual([]);
      expect(await refusalOf(nodes({ availability: ['active'] }))).toEqual({
        statusCode: 400,
        message: "invalid filter 'availability'",
      });
    });

    it('are Down after 15 seconds of silence, and ready again when their daemon is back', async () => {
      const id = await blue.worker('a1');
      blue.swarm.stopDaemon('a1');
      await blue.advance(14);
      expect((await inspect(id)).Status.State).toBe('ready');
      await blue.advance(2);
      expect((await inspect(id)).Status).toMatchObject({ State: 'down', Message: 'heartbeat failure' });
      blue.swarm.startDaemon(daemonStart('a1', { bootId: 'next', version: '29.8.0' }));
      expect(blue.swarm.info('a1').state).toBe('pending');
      await blue.advance(3);
      expect((await inspect(id)).Status.State).toBe('ready');
      expect((await inspect(id)).Description.Engine.EngineVersion).toBe('29.8.0');
      expect(blue.swarm.info('a1')).toMatchObject({ state: 'active', nodeId: id });
    });

    it('are removed when they are Down, and otherwise only by force', async () => {
      const id = await blue.worker('a1');
      expect(await refusalOf(remove(id))).toEqual({
        statusCode: 400,
        message: `rpc error: code = FailedPrecondition desc = node ${id} is not down and can't be removed`,
      });
      await remove(id, true);
      expect((await refusalOf(inspect(id))).statusCode).toBe(404);
      expect((await refusalOf(remove(id, true))).statusCode).toBe(404);
      const other = await blue.worker('a2');
      blue.swarm.stopDaemon('a2');
      await blue.advance(20);
      await remove(other);
      expect((await nodes({ role: ['worker'] })).length).toBe(0);
    });

    it('that were removed never come back: they wait for ever until they leave', async () => {
      const id = await blue.worker('a1');
      await remove(id, true);
      expect(blue.swarm.info('a1')).toMatchObject({ state: 'active', nodeId: id }); // it has not noticed
      blue.swarm.stopDaemon('a1');
      blue.swarm.startDaemon(daemonStart('a1', { bootId: 'next' }));
      await blue.advance(3_600);
      expect(blue.swarm.info('a1')).toMatchObject({ state: 'pending', nodeId: id });
      expect(blue.swarm.leave('a1', { force: true })).toMatchObject({ ok: true });
      expect(await blue.worker('a1')).not.toBe(id);
    });

    it('are worth nothing after 90 days of silence, and renew their certificates while they run', async () => {
      const [parked, running] = [await blue.worker('parked'), await blue.worker('running')];
      const days = 86_400;
      await blue.advance(100 * days);
      blue.swarm.stopDaemon('parked');
      await blue.advance(91 * days);
      blue.swarm.startDaemon(daemonStart('parked', { bootId: 'late' }));
      blue.swarm.stopDaemon('running');
      blue.swarm.startDaemon(daemonStart('running', { bootId: 'soon' }));
      await blue.advance(5);
      expect(blue.swarm.info('parked')).toMatchObject({
        state: 'error',
        nodeId: parked,
        error: 'Swarm certificates have expired. To replace them, leave the swarm and join again.',
      });
      expect((await inspect(parked)).Status.State).toBe('down');
      expect((await inspect(running)).Status.State).toBe('ready');
      blue.swarm.leave('parked', { force: true });
      expect(await blue.worker('parked')).not.toBe(parked);
    });
  });

  describe('managers', () => {
    const leader = async () => (await nodes()).find(({ ManagerStatus }) => ManagerStatus?.Leader)?.ID;

    it('cannot be removed, not even by force', async () => {
      const id = await blue.master(1);
      const message = `rpc error: code = FailedPrecondition desc = node ${id} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`;
      expect(await refusalOf(remove(id, true))).toEqual({ statusCode: 400, message });
    });

    it('are members until their demotion is reconciled some seconds later', async () => {
      await blue.master(1);
      const id = await blue.master(2);
      await update(id, { Role: 'worker' });
      expect(await inspect(id)).toMatchObject({
        Spec: { Role: 'worker' },
        ManagerStatus: { Reachability: 'reachable' },
      });
      await blue.advance(6);
      expect(await inspect(id)).not.toHaveProperty('ManagerStatus');
      expect(blue.swarm.info('master2')).toMatchObject({ state: 'active', isManager: false });
      expect((await refusalOf(blue.dockerOf(2).listNodes())).message).toMatch(/Worker nodes can't be used/);
      await remove(id, true);
    });

    it('are demoted neither when it is the last, nor when the rest would be no majority', async () => {
      const first = (await nodes())[0]?.ID ?? '';
      expect(await refusalOf(update(first, { Role: 'worker' }))).toEqual({
        statusCode: 400,
        message: 'rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm',
      });
      const [second] = [await blue.master(1), await blue.master(2)];
      blue.swarm.stopDaemon('master2');
      await blue.advance(20);
      expect((await refusalOf(update(second, { Role: 'worker' }))).message).toBe(
        "rpc error: code = FailedPrecondition desc = can't remove member from the raft: this would result in a loss of quorum",
      );
    });

    it('elect another leader when theirs is lost, and know of no node until it has registered anew', async () => {
      const worker = await blue.worker('a1');
      await blue.master(1);
      await blue.master(2);
      const first = await leader();
      blue.swarm.stopDaemon('master0');
      const survivor = blue.dockerOf(1);
      expect((await refusalOf(survivor.listNodes())).message).toMatch(/The swarm does not have a leader/);
      await blue.advance(13);
      const seen = (await survivor.listNodes()) as SwarmNode[];
      const found = (id: string | undefined) => seen.find(({ ID }) => ID === id);
      expect(found(first)?.ManagerStatus).toEqual({ Reachability: 'unreachable', Addr: `${masterIp(0)}:2377` });
      expect(seen.filter(({ ManagerStatus }) => ManagerStatus?.Leader)).toHaveLength(1);
      expect(found(worker)?.Status.State).toBe('unknown');
      await blue.advance(5);
      expect(((await survivor.getNode(worker).inspect()) as SwarmNode).Status.State).toBe('ready');
      await blue.advance(15);
      expect(((await survivor.getNode(first ?? '').inspect()) as SwarmNode).Status.State).toBe('down');
    });

    it('answer nothing without a majority, and everything again when there is one', async () => {
      const worker = await blue.worker('a1');
      await blue.master(1);
      await blue.master(2);
      blue.swarm.stopDaemon('master1');
      blue.swarm.stopDaemon('master2');
      const refused = {
        statusCode: 500,
        message:
          "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
      };
      expect(await refusalOf(blue.docker.listNodes())).toEqual(refused);
      expect(await refusalOf(remove(worker, true))).toEqual(refused);
      blue.swarm.stopDaemon('a1');
      await blue.advance(600);
      blue.swarm.startDaemon(daemonStart('master1', { ip: masterIp(1), bootId: 'again' }));
      await blue.advance(60);
      expect((await inspect(worker)).Status.State).toBe('down');
      expect(await leader()).toBeDefined();
      await remove(worker);
      expect(await nodes({ role: ['worker'] })).toEqual([]);
    });

    it('refuse to leave unless forced, and the last one takes the swarm with it', async () => {
      const refused = blue.swarm.leave('master0', { force: false });
      expect(refused).toMatchObject({
        ok: false,
        status: 503,
        message: expect.stringMatching(/last manager erases all/),
      });
      await blue.worker('a1');
      blue.swarm.leave('master0', { force: true });
      expect(blue.control('GET', 'blue/nodes').status).toBe(404);
      expect((await refusalOf(blue.docker.listNodes())).statusCode).toBe(503);
    });

    it('begin anew alone with force-new-cluster, after which the lost ones can be removed', async () => {
      const lost = await blue.master(1);
      blue.swarm.forget('master1');
      expect((await refusalOf(blue.docker.listNodes())).statusCode).toBe(500);
      const begun = blue.swarm.init('master0', { advertiseAddr: masterIp(0), forceNewCluster: true });
      expect(begun).toMatchObject({ ok: true });
      await blue.advance(30);
      expect(await leader()).toBe(begun.ok && begun.nodeId);
      await remove(lost, true);
      expect(await nodes()).toHaveLength(1);
    });
  });

  it('needs a new beginning when the certificates of all its managers have expired', async () => {
    const worker = await blue.worker('a1');
    for (const machineId of ['master0', 'a1']) blue.swarm.stopDaemon(machineId);
    await blue.advance(91 * 86_400);
    blue.swarm.startDaemon(daemonStart('master0', { ip: masterIp(0), bootId: 'late' }));
    await blue.advance(60);
    expect(blue.swarm.info('master0').state).toBe('error');
    expect(await refusalOf(blue.docker.listNodes())).toEqual({
      statusCode: 503,
      message: 'Swarm certificates have expired. To replace them, leave the swarm and join again.',
    });
    blue.swarm.init('master0', { advertiseAddr: masterIp(0), forceNewCluster: true });
    await blue.advance(30);
    expect(blue.swarm.info('master0')).toMatchObject({ state: 'active', isManager: true });
    expect((await inspect(worker)).Status.State).toBe('down');
  });

  it('can be begun through the API of a daemon that is in none', async () => {
    blue.swarm.startDaemon(daemonStart('green0', { ip: masterIp(0), clusterName: 'green' }));
    const servername = 'green-master0.westeurope.cloudapp.azure.com';
    const green = blue.dockerAt({ servername, identity: blue.swarm.serveTls('green0', { fqdn: servername }) });
    const begin = () => green.swarmInit({ ListenAddr: '0.0.0.0:2377', AdvertiseAddr: masterIp(0) });
    const id = (await begin()) as unknown as string;
    expect(((await green.info()) as Info).Swarm).toMatchObject({ NodeID: id, Nodes: 1, Managers: 1 });
    expect((await refusalOf(begin())).message).toMatch(/^This node is already part of a swarm/);
    const { JoinTokens } = (await green.swarmInspect()) as { JoinTokens: { Worker: string } };
    expect(JoinTokens.Worker.split('-')[2]).not.toBe((await blue.tokens()).Worker.split('-')[2]);
    expect(blue.control('GET', 'green/nodes').body.nodes).toHaveLength(1);
  });

  it('keeps the labels of the swarm, and takes updates only of the version that was read', async () => {
    const { Version, Spec } = (await blue.docker.swarmInspect()) as Swarm;
    await updateSwarm({}, { Labels: { 'starling.tokens-given': 'now' } });
    const after = (await blue.docker.swarmInspect()) as Swarm;
    expect(after.Spec).toMatchObject({
      Labels: { 'starling.tokens-given': 'now' },
      Orchestration: { TaskHistoryRetentionLimit: 2 },
    });
    const stale = call(blue.docker, { path: '/swarm/update?', query: { version: Version.Index }, body: Spec });
    expect((await refusalOf(stale)).message).toBe('rpc error: code = Unknown desc = update out of sequence');
  });

  it('tells tests what they need to know', async () => {
    const id = await blue.worker('a1');
    expect(blue.control('POST', `blue/nodes/${id}/labels`, { 'starling.node': 'agent-1' }).status).toBe(200);
    const told = blue.control('GET', 'blue/nodes').body.nodes as object[];
    expect(told).toContainEqual(
      expect.objectContaining({
        name: 'agent-1',
        uid: id,
        ready: true,
        unschedulable: false,
        bootId: 'boot-of-a1',
        version: '29.7.2',
        pods: [],
      }),
    );
    const before = blue.control('GET', 'blue/tokens').body;
    await updateSwarm({ rotateWorkerToken: true });
    const after = blue.control('GET', 'blue/tokens').body;
    expect([after.worker === before.worker, after.manager === before.manager]).toEqual([false, true]);
    expect(JSON.stringify(after)).not.toContain('SWMTKN');
    expect(blue.control('GET', 'green/nodes').status).toBe(404);
    expect(blue.control('POST', 'blue/disruption-budget', {}).status).toBe(404);
  });

  async function updateSwarm(flags: Record<string, boolean>, change: object = {}): Promise<void> {
    const { Version, Spec } = (await blue.docker.swarmInspect()) as Swarm;
    const query = { version: Version.Index, ...flags };
    await call(blue.docker, { path: '/swarm/update?', query, body: { ...Spec, ...change } });
  }
});

/** As a client sees it, depending on how far the handshake came. */
const CUT_OFF = /ECONNRESET|hang up|disconnected before secure|certificate required/;

interface SwarmNode {
  ID: string;
  Version: { Index: number };
  Spec: { Labels: Record<string, string>; Role: string; Availability: string };
  Description: { Hostname: string; Engine: { EngineVersion: string } };
  Status: { State: string; Addr: string };
  ManagerStatus?: { Leader?: boolean; Reachability: string };
}

interface Swarm {
  Version: { Index: number };
  Spec: { Labels: object };
}

interface Info {
  Swarm: object;
}

interface Request {
  path: string;
  query?: object;
  /** Makes it a POST. */
  body?: object;
}

/** What the client has no method for, or none that takes all parameters, through its own connection. */
function call(docker: Docker, { path, query = {}, body }: Request): Promise<unknown> {
  const statusCodes = { 200: true, 400: 'bad parameter', 404: 'not found', 500: 'server error', 503: 'unavailable' };
  const method = body ? 'POST' : 'GET';
  const options = { _query: query, _body: body };
  return new Promise((resolve, reject) =>
    docker.modem.dial({ path, method, options, statusCodes }, (error: unknown, data: unknown) =>
      error ? reject(error as Error) : resolve(data),
    ),
  );
}
