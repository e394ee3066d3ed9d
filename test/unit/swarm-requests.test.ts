import { join } from '../../functions/join';
import { getKubeconfig } from '../../functions/kubeconfig';
import { ready } from '../../functions/ready';
import type { Call } from '../../functions/respond';
import { AZURE_ANCHORS_PEM } from '../../shared/attestation/anchors';
import { secretNames } from '../../shared/model/names';
import type { NodeRecord } from '../../shared/model/node';
import type { NodeClaim } from '../../shared/ports';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';
import { clusterSpec, nodeRecord } from '../support/records';

/** What machines of a Swarm get and tell that have proved who they are: here tickets do not name nodes, machines do. */

const spec = clusterSpec({ engine: 'swarm', masters: { count: 3 } });
const agent = { ...nodeRecord('demo', 1), address: '172.31.16.4' };
const master: NodeRecord = {
  ...nodeRecord('demo', 0),
  vmId: 'vm-0',
  instanceId: 'master0',
  nodeName: 'master0-aabbccdd',
  role: 'master',
  address: '172.31.0.10',
};
const NODE_ID = 'x'.repeat(25);
const ENDPOINT = 'https://demo-abc-master0.westeurope.cloudapp.azure.com:2376';
/** Any certificate of an authority. */
const CA = AZURE_ANCHORS_PEM[0] ?? '';
const report = { endpoint: ENDPOINT, ca: CA, credential: 'certificate and key', nodeId: NODE_ID };

class SwarmWorld extends FakeWorld {
  readonly claims: NodeClaim[] = [];
  constructor(rows: NodeRecord[]) {
    super({ spec });
    for (const row of rows) this.addAgent(row);
    Object.assign(this.connectEngine(), {
      admitToken: async () => 'SWMTKN-1-worker',
      masterToken: async (given: string) => `SWMTKN-1-manager${given}`,
      claimNode: async (claim: NodeClaim) => {
        this.claims.push(claim);
        return { ok: true };
      },
    });
  }
  call(row: NodeRecord, more: object = {}): Call<{ claims: string; attestation: string }> {
    const claims = { cluster: 'demo', hostname: 'h', instanceId: row.instanceId, bootId: 'boot-1', ...more };
    return {
      world: this,
      orchestrator: new FakeOrchestrator(),
      log: QUIET_LOG,
      params: { c: 'demo' },
      query: {},
      body: { claims: JSON.stringify(claims), attestation: row.vmId },
    };
  }
}

const reported = async (rows: NodeRecord[]): Promise<SwarmWorld> => {
  const world = new SwarmWorld(rows);
  await world.mint.prepare('demo');
  await world.vault.set('demo-engine-master0', JSON.stringify({ endpoint: ENDPOINT, caPem: CA, credential: 'c' }));
  return world;
};
const serving = { ...master, state: 'ready' as const, ticketAttempt: 1, registeredAt: master.since };

describe('a ticket', () => {
  it('of the master that begins the swarm holds no token: the engine makes its own', async () => {
    const world = new SwarmWorld([{ ...master, ticketAttempt: 0 }]);
    await world.mint.prepare('demo');
    const { body } = await join(world.call(master));
    expect(body).toMatchObject({ engine: 'swarm', initialise: true, token: '', servers: [], version: spec.version });
  });

  it('of another master and of an agent holds that of the engine, and where to go', async () => {
    const second = { ...master, vmId: 'vm-1', instanceId: 'master1', address: '172.31.0.11', ticketAttempt: 0 };
    const world = await reported([serving, second, { ...agent, ticketAttempt: 0 }]);
    const [first, next] = ['172.31.0.10:2377', '172.31.0.11:2377'];
    expect((await join(world.call(second))).body).toMatchObject({ token: 'SWMTKN-1-manager', servers: [first] });
    expect((await join(world.call(agent))).body).toMatchObject({ token: 'SWMTKN-1-worker', servers: [first, next] });
  });

  it('of another master is not there before the first one has reported', async () => {
    const second = { ...master, vmId: 'vm-1', instanceId: 'master1', ticketAttempt: 0 };
    const world = new SwarmWorld([serving, second]);
    await world.mint.prepare('demo');
    await expect(join(world.call(second))).rejects.toMatchObject({ code: 'CLUSTER_NOT_READY' });
  });
});

describe('a machine that says its membership counts no longer', () => {
  const parkedTooLong = { ...agent, state: 'booting' as const, ticketAttempt: 1, registeredAt: agent.since };

  it('gets another ticket when the engine has lost it, and the same one when it asks again', async () => {
    const world = await reported([serving, parkedTooLong]);
    const first = await join(world.call(agent, { rejoin: true }));
    expect(first.body).toMatchObject({ nodeName: agent.nodeName, token: 'SWMTKN-1-worker' });
    expect(world.node(agent.vmId)).toMatchObject({ state: 'joining', registeredAt: '', ticketAttempt: 2 });
    expect((await join(world.call(agent, { rejoin: true }))).body).toEqual(first.body);
    expect(world.node(agent.vmId)).toMatchObject({ ticketAttempt: 2 });
  });

  it('is no longer going down, and may have come back with another address', async () => {
    const world = await reported([serving, { ...parkedTooLong, goingDown: true }]);
    await join(world.call(agent, { rejoin: true }));
    expect(world.node(agent.vmId)).toMatchObject({ goingDown: false, address: '' });
  });

  it('gets none while its node is well: anybody on it could ask', async () => {
    const world = await reported([serving, { ...parkedTooLong, state: 'ready' }]);
    await expect(join(world.call(agent, { rejoin: true }))).rejects.toMatchObject({ code: 'ALREADY_JOINED' });
    const back = await reported([serving, parkedTooLong]);
    for (const node of back.engineNodes) node.ready = true;
    await expect(join(back.call(agent, { rejoin: true }))).rejects.toMatchObject({ code: 'ALREADY_JOINED' });
  });

  it('gets none without saying so', async () => {
    const world = await reported([serving, parkedTooLong]);
    await expect(join(world.call(agent))).rejects.toMatchObject({ code: 'ALREADY_JOINED' });
  });
});

describe('a report', () => {
  it('of a master is kept for that master alone, and names its node', async () => {
    const world = new SwarmWorld([serving]);
    await ready(world.call(master, report));
    expect([...world.secrets.keys()]).toEqual(['demo-engine-master0']);
    const message = `${master.nodeName} reported its engine at ${ENDPOINT} and itself as node ${NODE_ID} of the engine`;
    expect(world.told).toMatchObject([{ type: 'engine.ready', message }]);
    expect(world.claims).toMatchObject([{ id: NODE_ID, nodeName: master.nodeName, isMaster: true, bootId: 'boot-1' }]);
  });

  it('of an agent names its node, from the machine that was attested', async () => {
    const world = await reported([serving, agent]);
    await ready(world.call(agent, { nodeId: NODE_ID }));
    const { nodeName, vmId, address } = agent;
    expect(world.claims).toMatchObject([
      { id: NODE_ID, nodeName, vmId, address, isMaster: false, labels: { 'starling.instance': '1' } },
    ]);
  });

  it.each(['draining', 'leaving', 'failed'] as const)('of an agent that is %s brings it no work', async (state) => {
    const world = await reported([serving, { ...agent, state }]);
    await expect(ready(world.call(agent, { nodeId: NODE_ID }))).rejects.toMatchObject({ code: 'NODE_LEAVING' });
    expect(world.claims).toEqual([]);
  });

  it.each([
    ['of an agent that speaks for the engine', agent, report, 'NOT_A_MASTER'],
    ['of an agent without its id', agent, {}, 'CLAIMS_MALFORMED'],
    ['of a master without its credential', master, { nodeId: NODE_ID }, 'CLAIMS_MALFORMED'],
    ['that leads elsewhere', master, { ...report, endpoint: 'https://evil.example:2376' }, 'CLAIMS_MALFORMED'],
    ['with a CA that is none', master, { ...report, ca: 'x' }, 'CLAIMS_MALFORMED'],
    ['with an id that is none', agent, { nodeId: '../../services' }, 'CLAIMS_MALFORMED'],
  ])('%s is refused, told, and changes nothing', async (_, row, more, code) => {
    const world = await reported([serving, agent]);
    const before = [...world.secrets];
    await expect(ready(world.call(row, more))).rejects.toMatchObject({ code });
    expect([world.claims, [...world.secrets]]).toEqual([[], before]);
    expect(world.told).toHaveLength(1);
  });
});

it('a kubeconfig is refused, as the cluster has none', async () => {
  const world = await reported([serving]);
  await expect(getKubeconfig(world.call(agent))).rejects.toMatchObject({
    code: 'UNSUPPORTED_ENGINE',
    message: 'demo has no kubeconfig: its engine is Docker Swarm',
  });
});

it('forgets with the cluster what each master has reported', async () => {
  const world = await reported([serving]);
  expect(world.engines.secretNames(world.cluster)).toEqual(['0', '1', '2'].map((n) => `demo-engine-master${n}`));
  expect(Object.values(secretNames('demo'))).not.toContain('demo-engine-master0');
});
