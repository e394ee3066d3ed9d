import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { at, callsOf, modeOf, node, put, read } from './cloud-init-fixture';
import {
  NODE_ID,
  REJOINED_ID,
  WORKER_TOKEN,
  askedFor,
  engine,
  runWithDocker,
  swarmEnvironment,
  useSwarmNode,
} from './cloud-init-swarm-fixture';

/** `starling-join.sh` as it is, on a machine of a swarm. */

useSwarmNode();

const ticket = {
  engine: 'swarm',
  role: 'agent',
  nodeName: 'agents-3-1f2e3d4c',
  token: WORKER_TOKEN,
  servers: ['127.0.0.1:1'],
  version: '29.7.2',
  labels: { 'starling.pool': 'agents' },
};
const MEMBER = 'var/lib/starling/swarm-node';
const joinSwarm = (env?: Record<string, string>) => runWithDocker('starling-join.sh', env);
const give = (...tickets: object[]): void => {
  node.answers = tickets.map((body) => ({ status: 200, body }));
};
const ask = (index: number): unknown => JSON.parse(node.posted[index]?.claims ?? '{}');
const joinRequest = (): Record<string, unknown> =>
  JSON.parse(askedFor('/swarm/join').at(-1)?.body ?? '{}') as Record<string, unknown>;

/** A machine that was a member, as its disk tells. */
function wasMember(state: typeof engine.state, error = ''): void {
  put(MEMBER, `${NODE_ID}\n`);
  Object.assign(engine, { state, error, nodeId: state === 'active' ? NODE_ID : '', nextId: REJOINED_ID });
}

describe('a worker', () => {
  test('arrives empty, by a manager that answers, and learns its address from the way there', async () => {
    const port = new URL(node.url).port;
    give({ ...ticket, servers: ['127.0.0.1:1', `127.0.0.1:${port}`] });
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(joinRequest()).toEqual({
      ListenAddr: '0.0.0.0:2377',
      AdvertiseAddr: '',
      Availability: 'drain',
      RemoteAddrs: [`127.0.0.1:${port}`],
      JoinToken: WORKER_TOKEN,
    });
    expect(read(MEMBER)).toBe(`${NODE_ID}\n`);
    expect(callsOf('systemctl')).toEqual([
      'daemon-reload',
      'restart docker.service',
      'restart --no-block starling-ready.service',
    ]);
  });

  test('shows its token on no command line and in no line of output, and leaves none behind', async () => {
    give(ticket);
    const { output } = await joinSwarm();
    expect(output).not.toContain('SWMTKN');
    expect(callsOf('systemctl').join()).not.toContain('SWMTKN');
    // The ticket is kept for root, until the next boot, as for any engine.
    expect(filesWith('SWMTKN')).toEqual(['run/starling/ticket']);
    expect(modeOf('run/starling/ticket')).toBe('600');
  });

  test('is given nothing to read at a second run, and restarts nothing', async () => {
    give(ticket);
    await joinSwarm();
    const before = callsOf('systemctl').length;
    node.answers = [{ status: 409, body: { code: 'ALREADY_JOINED' } }];
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(
      callsOf('systemctl')
        .slice(before)
        .every((call) => call === 'start docker.socket docker.service'),
    ).toBe(true);
    expect(askedFor('/swarm/join')).toHaveLength(1);
  });

  test('stays in its swarm when it is given a ticket again', async () => {
    give(ticket);
    await joinSwarm();
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect([askedFor('/swarm/join').length, askedFor('/swarm/leave?force=true').length]).toEqual([1, 0]);
  });

  test('waits on when the engine says that it goes on in the background', async () => {
    engine.joins = [{ late: 3 }];
    give(ticket);
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(read(MEMBER)).toBe(`${NODE_ID}\n`);
  });

  test('takes a join for its own that ended after an earlier run had given up', async () => {
    engine.joins = ['never'];
    give(ticket);
    expect(await joinSwarm({ STARLING_ENGINE_JOIN_SECONDS: '0' })).toMatchObject({ status: 1 });
    Object.assign(engine, { state: 'active', nodeId: NODE_ID, managers: ticket.servers });
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect([read(MEMBER), askedFor('/swarm/join').length]).toEqual([`${NODE_ID}\n`, 1]);
  });

  test('begins anew, with another server, after a join that came to nothing', async () => {
    engine.joins = ['never', 'taken'];
    give(ticket, { ...ticket, servers: ['127.0.0.1:2'] });
    await joinSwarm({ STARLING_ENGINE_JOIN_SECONDS: '0' });
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(joinRequest()).toMatchObject({ RemoteAddrs: ['127.0.0.1:2'] });
  });

  test('fails, to be started again, when the engine cannot reach a manager', async () => {
    engine.joins = ['broken'];
    give(ticket);
    expect(await joinSwarm()).toMatchObject({ status: 1, output: expect.stringContaining('connection refused') });
    expect(existsSync(at(MEMBER))).toBe(false);
  });

  test('fails, to be started again, when Docker does not answer', async () => {
    rmSync(at('run/docker.sock'));
    give(ticket);
    expect(await joinSwarm()).toMatchObject({ status: 1, output: expect.stringContaining('the swarm is silent') });
  });

  test.each(['stale', 'foreign'] as const)('asks for another ticket when its token is %s', async (outcome) => {
    engine.joins = [outcome, 'taken'];
    give(ticket, { ...ticket, token: `${WORKER_TOKEN.slice(0, -1)}c` });
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(node.posted).toHaveLength(2);
    expect(joinRequest()).toMatchObject({ JoinToken: `${WORKER_TOKEN.slice(0, -1)}c` });
  });

  test('asks for another ticket also when the engine finds out later', async () => {
    engine.joins = [{ late: 1, as: 'error', error: 'A valid join token is necessary to join this cluster' }, 'taken'];
    give(ticket);
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect([node.posted.length, askedFor('/swarm/leave?force=true').length]).toEqual([2, 1]);
  });

  test('does not ask for ever', async () => {
    engine.joins = ['stale'];
    give(ticket);
    expect(await joinSwarm()).toMatchObject({ status: 1, output: expect.stringContaining('no token was of use') });
    expect(node.posted).toHaveLength(3);
  });

  test('leaves a swarm of somebody else that its image brought along', async () => {
    Object.assign(engine, { state: 'active', nodeId: REJOINED_ID, managers: ['10.9.9.9:2377'] });
    give(ticket);
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect([askedFor('/swarm/leave?force=true').length, read(MEMBER)]).toEqual([1, `${NODE_ID}\n`]);
  });

  test.each([
    ['a server with a scheme', { servers: ['https://172.31.0.10:2377'] }],
    ['a server without a port', { servers: ['172.31.0.10'] }],
    ['no server', { servers: [] }],
    ['no token', { token: '' }],
    ['a quote in its token', { token: 'x","y":"z' }],
    ['a swarm to make', { token: '', servers: [], initialise: true }],
    ['another engine', { engine: 'k3s' }],
  ])('does not act on a ticket with %s', async (_name, part) => {
    give({ ...ticket, ...part });
    expect(await joinSwarm()).toMatchObject({ status: 1 });
    expect(askedFor('/swarm/join').concat(askedFor('/swarm/init'))).toEqual([]);
  });

  test('goes on alone when Starling does not answer, if it has joined before', async () => {
    wasMember('active');
    node.answers = ['drop'];
    expect(await joinSwarm({ STARLING_REJOIN_LIMIT_SECONDS: '0' })).toMatchObject({ status: 0 });
    expect(callsOf('systemctl')).toContain('restart docker.service');
  });
});

describe('a worker whose membership is worthless', () => {
  const EXPIRED = 'Swarm certificates have expired. To replace them, leave the swarm and join again.';

  test.each([
    ['its certificate ran out', 'error', EXPIRED],
    ['it was removed', 'inactive', ''],
    ['it finds no manager', 'pending', ''],
  ] as const)('says so, leaves with its new ticket and joins again: %s', async (_name, state, error) => {
    wasMember(state, error);
    give(ticket);
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(ask(0)).toMatchObject({ instanceId: '3', rejoin: true });
    expect(askedFor('/swarm/leave?force=true')).toHaveLength(state === 'inactive' ? 0 : 1);
    expect(read(MEMBER)).toBe(`${REJOINED_ID}\n`);
  });

  test('says nothing of the kind while all is well', async () => {
    wasMember('active');
    node.answers = [{ status: 409 }];
    await joinSwarm();
    expect(ask(0)).not.toHaveProperty('rejoin');
  });

  test('leaves nothing before Starling has granted it, and asks again', async () => {
    wasMember('error', EXPIRED);
    node.answers = [{ status: 409, body: { code: 'ALREADY_JOINED' } }];
    expect(await joinSwarm()).toMatchObject({ status: 1 });
    expect(askedFor('/swarm/leave?force=true')).toEqual([]);
  });
});

describe('a master', () => {
  const masterTicket = {
    ...ticket,
    role: 'master',
    nodeName: 'master0-1f2e3d4c',
    token: '',
    servers: [],
    initialise: true,
    tlsSans: ['demo-x-master0.westeurope.cloudapp.azure.com'],
  };
  const manager = { ...masterTicket, token: 'SWMTKN-1-m-m', servers: ['127.0.0.1:1'], initialise: false };

  beforeEach(() => swarmEnvironment('master'));

  test('that is first makes the swarm, drained, with addresses that collide with none', async () => {
    give(masterTicket);
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(JSON.parse(askedFor('/swarm/init')[0]?.body ?? '')).toEqual({
      ListenAddr: '127.0.0.1:2377',
      AdvertiseAddr: '127.0.0.1',
      DefaultAddrPool: ['10.128.0.0/9'],
      SubnetSize: 24,
      Availability: 'drain',
      Spec: { Orchestration: { TaskHistoryRetentionLimit: 2 } },
    });
    expect(read('etc/starling/endpoint')).toBe('https://demo-x-master0.westeurope.cloudapp.azure.com:2376\n');
  });

  test('that follows joins with the address that it has', async () => {
    give(manager);
    await joinSwarm();
    expect(joinRequest()).toMatchObject({ ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1' });
  });

  test('opens its door to certificates only, on the command line that its package has', async () => {
    give(masterTicket);
    await joinSwarm();
    const keys = at('etc/docker/starling');
    expect(read('etc/systemd/system/docker.service.d/60-starling-tls.conf')).toBe(
      `[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS -H tcp://0.0.0.0:2376 --tlsverify ` +
        `--tlscacert=${keys}/ca.pem --tlscert=${keys}/server.pem --tlskey=${keys}/server-key.pem\n`,
    );
    expect(callsOf('systemctl').filter((call) => call === 'restart docker.service')).toHaveLength(1);
  });

  test('makes no second swarm and restarts nothing when it asks again', async () => {
    give(masterTicket);
    await joinSwarm();
    const before = callsOf('systemctl').length;
    await joinSwarm();
    expect(askedFor('/swarm/init')).toHaveLength(1);
    expect(new Set(callsOf('systemctl').slice(before))).toEqual(new Set(['start docker.socket docker.service']));
  });

  test('knows its swarm again when it could not note that it made it', async () => {
    Object.assign(engine, { state: 'active', nodeId: NODE_ID, isManager: true });
    give(masterTicket);
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect([askedFor('/swarm/leave?force=true'), read(MEMBER)]).toEqual([[], `${NODE_ID}\n`]);
  });

  test.each(['pending', 'error'] as const)(
    'never throws its swarm away for a ticket to make one: %s',
    async (state) => {
      wasMember(state);
      give(masterTicket);
      expect(await joinSwarm()).toMatchObject({ status: 0 });
      expect(askedFor('/swarm/leave?force=true').concat(askedFor('/swarm/init'))).toEqual([]);
    },
  );

  test('waits for the others at a start of all, instead of asking for a new place', async () => {
    wasMember('pending');
    node.answers = [{ status: 409 }];
    expect(await joinSwarm()).toMatchObject({ status: 0 });
    expect(ask(0)).not.toHaveProperty('rejoin');
  });
});

const filesWith = (text: string): string[] =>
  readdirSync(node.root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path, 'utf8').includes(text))
    .map((path) => path.slice(node.root.length + 1));
