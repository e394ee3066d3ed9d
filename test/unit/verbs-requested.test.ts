import {
  rotateKeys,
  rebalanceCluster,
  reimageNodes,
  repairMaster,
  resizeAgents,
  upgradeCluster,
} from '../../functions/machines';
import { restartNodes, startNodes, stopNodes } from '../../functions/power';
import type { Call, Reply } from '../../functions/respond';
import { scaleCluster } from '../../functions/scale';
import type { ClusterRecord } from '../../shared/model/cluster';
import type { NodeRecord } from '../../shared/model/node';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';
import { clusterSpec, nodeRecord } from '../support/records';

type Handler = (call: Call<never>) => Promise<Reply>;
const call = (world: FakeWorld, body: object, query: Call['query'] = {}): Call<never> => ({
  world,
  orchestrator: new FakeOrchestrator(),
  log: QUIET_LOG,
  params: { c: 'demo' },
  query,
  body: body as never,
});

const ready: Partial<NodeRecord> = { state: 'ready', registeredAt: '2026-02-03T03:00:00.000Z' };
const agent = (index: number, changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', index),
  ...ready,
  ...changes,
});
const MASTER = { ...agent(900), role: 'master' as const, instanceId: 'master0', nodeName: 'master0-0a1b2c3d' };

/** One master, agents 0 and 1 at work, agent 2 parked; the wish is two. */
function parkedOne(cluster: Partial<ClusterRecord> = {}): FakeWorld {
  const spec = clusterSpec({ agents: { count: 2, min: 1, max: 3 } });
  const world = new FakeWorld({ spec, ...cluster });
  for (const row of [MASTER, agent(0), agent(1)]) world.addAgent(row);
  world.addAgent(agent(2, { state: 'parked' }), { power: 'deallocated' });
  return world;
}

/** What was handed to the orchestration, without the ids that every one has. */
function inputOf(world: FakeWorld): object {
  const { input } = world.operationRows.all()[0]!.record;
  const { cluster: _, operationId: __, ...rest } = input as Record<string, unknown>;
  return rest;
}
const vmIds = (...indexes: number[]): string[] => indexes.map((index) => agent(index).vmId);
const name = (index: number): string => agent(index).nodeName;

describe.each<[string, Handler, object, object, number]>([
  [
    'stop of two agents, one by name, one by id',
    stopNodes,
    { nodes: [name(0), '2'], deallocate: true },
    { vmIds: vmIds(0, 2), deallocate: true },
    1,
  ],
  ['stop of the whole', stopNodes, { deallocate: false }, { deallocate: false }, 2],
  ['start of a parked agent', startNodes, { nodes: ['2'] }, { vmIds: vmIds(2) }, 3],
  ['start of what serves already', startNodes, { nodes: ['1'] }, { vmIds: vmIds(1) }, 2],
  ['start of all', startNodes, {}, {}, 3],
  [
    'restart of a master and an agent named twice',
    restartNodes,
    { nodes: ['master0', '1', name(1)] },
    { vmIds: [MASTER.vmId, ...vmIds(1)] },
    2,
  ],
  ['restart of all', restartNodes, {}, {}, 2],
  ['reimage of one', reimageNodes, { nodes: ['0'], order: 'serial' }, { vmIds: vmIds(0), order: 'serial' }, 2],
  ['reimage of all', reimageNodes, { order: 'parallel' }, { order: 'parallel' }, 2],
  ['resize', resizeAgents, { size: 'Standard_B2s' }, { size: 'Standard_B2s' }, 2],
  ['upgrade', upgradeCluster, { version: '1.36.3+k3s1' }, { version: 'v1.36.3+k3s1' }, 2],
  ['rebalance', rebalanceCluster, {}, {}, 2],
  ['rotation of keys', rotateKeys, {}, {}, 2],
  ['scale that parks', scaleCluster, { agents: 1, reclaim: 'park' }, { agents: 1, reclaim: 'park' }, 1],
  ['scale that deletes', scaleCluster, { agents: 3, reclaim: 'delete' }, { agents: 3 }, 3],
])('%s', (_, handler, body, input, wish) => {
  it('begins with vmIds, and with the wish that it leaves', async () => {
    const world = parkedOne();
    expect(await handler(call(world, body))).toMatchObject({ status: 202 });
    expect(inputOf(world)).toEqual(input);
    expect(world.cluster.spec.agents.count).toBe(wish);
  });

  it('is previewed in sentences, and does nothing then', async () => {
    const world = parkedOne();
    const before = world.cluster;
    const { body: answer } = await handler(call(world, body, { whatIf: 'true' }));
    expect(answer).toMatchObject({
      whatIf: true,
      would: expect.arrayContaining([expect.stringMatching(/^\w+ .{5,}/)]),
    });
    expect(world.cluster).toEqual(before);
    expect(world.operationRows.all()).toEqual([]);
  });

  it.each<[string, Partial<ClusterRecord>, object]>([
    [
      'while another runs',
      { operation: 'demo.scale.a' },
      { code: 'OPERATION_IN_PROGRESS', detail: { operation: 'demo.scale.a' } },
    ],
    ['after a deploy that failed', { phase: 'failed' }, { code: 'CLUSTER_NOT_READY' }],
    ['while there is only storage', { phase: 'stored' }, { code: 'CLUSTER_NOT_READY' }],
  ])('is refused %s', async (__, changes, refusal) => {
    await expect(handler(call(parkedOne(changes), body))).rejects.toMatchObject(refusal);
  });

  it('is judged by the row that it takes', async () => {
    const world = parkedOne();
    const { get } = world.clusters;
    let reads = 0;
    world.clusters.get = async (cluster) => {
      if (++reads === 2) world.changeCluster({ phase: 'failed' });
      return get(cluster);
    };
    await expect(handler(call(world, body))).rejects.toMatchObject({ code: 'CLUSTER_NOT_READY' });
    expect(world.cluster.operation).toBeNull();
  });
});

describe('nodes that a request names', () => {
  it.each<[string, Handler, object]>([
    ['stop', stopNodes, { deallocate: true }],
    ['start', startNodes, {}],
    ['restart', restartNodes, {}],
    ['reimage', reimageNodes, { order: 'serial' }],
  ])('and that are not there are named by %s', async (_, handler, body) => {
    const nodes = ['7', name(1), 'agents-9-ffffffff'];
    await expect(handler(call(parkedOne(), { ...body, nodes }))).rejects.toMatchObject({
      code: 'NODE_NOT_FOUND',
      message: expect.stringMatching(/no node 7, agents-9-ffffffff;/),
    });
  });

  it.each<[string, Handler, object, RegExp]>([
    ['stop of a master', stopNodes, { nodes: ['master0'] }, /stop without nodes stops the whole cluster/],
    ['start of a master', startNodes, { nodes: ['master0'] }, /start without nodes/],
    ['reimage of a master', reimageNodes, { nodes: ['master0'] }, /repair/],
    ['reimage of a parked agent', reimageNodes, { nodes: ['2'] }, /is parked; start it first/],
    ['restart of a parked agent', restartNodes, { nodes: ['2'] }, /is parked; start it instead/],
    ['stop below the minimum', stopNodes, { nodes: ['0', '1'] }, /fewer than min \(1\)/],
  ])('%s is refused, and what to do instead is said', async (_, handler, body, message) => {
    await expect(handler(call(parkedOne(), body))).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringMatching(message),
      detail: { errors: [{ field: 'nodes', message: expect.stringMatching(message) }] },
    });
  });

  it('on their way out are refused', async () => {
    const world = parkedOne();
    world.addAgent(agent(3, { state: 'draining' }));
    await expect(stopNodes(call(world, { nodes: ['3', '0'] }) as never)).rejects.toThrow(/is being removed/);
  });

  it('are of the newest machine where Azure gave an instance id again', async () => {
    const world = parkedOne();
    world.addAgent(agent(50, { instanceId: '1', nodeName: 'agents-1-newer', createdAt: '2026-02-01T00:00:00.000Z' }));
    await restartNodes(call(world, { nodes: ['1'] }) as never);
    expect(inputOf(world)).toEqual({ vmIds: vmIds(50) });
  });
});

describe('a stopped cluster', () => {
  const stopped = (): FakeWorld => {
    const world = parkedOne({ phase: 'stopped' });
    for (const row of [MASTER, agent(0), agent(1)]) world.nodeRows.put(row.vmId, { ...row, state: 'parked' });
    return world;
  };

  it.each<[string, Handler, object]>([
    ['start of some', startNodes, { nodes: ['0'] }],
    ['stop of some', stopNodes, { nodes: ['0'] }],
    ['restart', restartNodes, {}],
    ['reimage', reimageNodes, { order: 'serial' }],
    ['resize', resizeAgents, { size: 'Standard_B2s' }],
    ['upgrade', upgradeCluster, { version: 'v1.36.3+k3s1' }],
    ['rebalance', rebalanceCluster, {}],
    ['rotation of keys', rotateKeys, {}],
    ['scale', scaleCluster, { agents: 3, reclaim: 'delete' }],
  ])('refuses a %s', async (_, handler, body) => {
    await expect(handler(call(stopped(), body))).rejects.toMatchObject({ code: 'CLUSTER_STOPPED' });
  });

  it('starts with every agent that it has, and wishes for them', async () => {
    const world = stopped();
    expect(await startNodes(call(world, {}) as never)).toMatchObject({ status: 202 });
    expect(world.cluster.spec.agents.count).toBe(3);
  });

  it('may be stopped again, which finds nothing to do', async () => {
    expect(await stopNodes(call(stopped(), { deallocate: true }) as never)).toMatchObject({ status: 202 });
  });

  it('does not start with more agents than its limit', async () => {
    const world = stopped();
    world.addAgent(agent(4, { state: 'parked' }));
    await expect(startNodes(call(world, {}) as never)).rejects.toThrow(/more than max \(3\)/);
  });
});

describe('a resize', () => {
  it('to a size that the location does not have is refused before anything begins', async () => {
    const world = parkedOne();
    const refused = resizeAgents(call(world, { size: 'Standard_M999' }) as never);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_REQUEST', message: expect.stringMatching(/^size: /) });
    expect(world.cluster.operation).toBeNull();
  });

  it('beyond the quota is refused, with what the agents have now given back', async () => {
    const world = parkedOne();
    world.cloud.listSizes = async () => [{ name: 'Standard_B4ms', cores: 4, memoryGiB: 16 }];
    let asked: unknown;
    world.cloud.checkQuota = async (need) => {
      asked = need;
      return { ok: false, code: 'QUOTA_EXCEEDED', message: 'no cores' };
    };
    const refused = resizeAgents(call(world, { size: 'Standard_B4ms' }) as never);
    await expect(refused).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED', message: 'no cores' });
    const sizes = [
      { size: 'Standard_B4ms', count: 3 },
      { size: 'Standard_B2s', count: -3 },
    ];
    expect(asked).toEqual({ location: 'westeurope', sizes });
  });
});

describe('an upgrade', () => {
  it.each([
    ['a step back', 'v1.35.9+k3s1'],
    ['two minor versions at once', 'v1.38.0+k3s1'],
  ])('of %s is refused', async (_, version) => {
    await expect(upgradeCluster(call(parkedOne(), { version }) as never)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringMatching(/^version: /),
    });
  });
});

describe('a repair', () => {
  const three = (): FakeWorld => new FakeWorld({ spec: clusterSpec({ masters: { count: 3 } }) });

  it('begins with the master’s name', async () => {
    const world = three();
    expect(await repairMaster(call(world, { node: 'master1' }) as never)).toMatchObject({ status: 202 });
    expect(inputOf(world)).toEqual({ name: 'master1' });
  });

  it('of a master that there is not is refused', async () => {
    const refused = repairMaster(call(three(), { node: 'master3' }) as never);
    await expect(refused).rejects.toMatchObject({ code: 'NODE_NOT_FOUND' });
  });

  it('of the only master is refused, since it holds all that the cluster knows', async () => {
    const refused = repairMaster(call(parkedOne(), { node: 'master0' }) as never);
    await expect(refused).rejects.toMatchObject({ code: 'QUORUM_AT_RISK' });
  });
});
