import { cancelOperation } from '../../functions/operations';
import { putCluster } from '../../functions/put-cluster';
import { scaleCluster } from '../../functions/scale';
import { join, leave } from '../../functions/join';
import { problem, type Call } from '../../functions/respond';
import { everyMinute } from '../../functions/timers';
import { AppError, ERRORS, type ErrorCode } from '../../shared/model/errors';
import { createTokenMint } from '../../shared/azure/mint';
import { cacheVault } from '../../shared/azure/cached-vault';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';
import { clusterRecord, nodeRecord, operationRecord } from '../support/records';

const { spec } = clusterRecord();
const callOn = <Body>(world: FakeWorld, body: Body, orchestrator = new FakeOrchestrator()): Call<Body> => ({
  world,
  orchestrator,
  log: QUIET_LOG,
  params: { c: 'demo' },
  query: {},
  body,
});

it('the same spec again is refused while the cluster is being destroyed', async () => {
  const world = new FakeWorld({ operation: 'demo.destroy.a', phase: 'deleting' });
  await expect(putCluster(callOn(world, spec))).rejects.toMatchObject({ code: 'OPERATION_IN_PROGRESS' });
});

it('a changed policy leaves an event', async () => {
  const world = new FakeWorld();
  await putCluster(callOn(world, { ...spec, drift: 'adopt' as const }));
  expect(world.told).toMatchObject([{ type: 'cluster.spec', cause: 'operator' }]);
});

it.each([
  ['limits that changed', { spec: { ...spec, agents: { ...spec.agents, max: 4 } } }, 'INVALID_REQUEST'],
  ['a phase that changed', { phase: 'failed' as const }, 'CLUSTER_NOT_READY'],
])('a scale is judged by the row that it takes: %s', async (_, changes, code) => {
  const world = new FakeWorld();
  const { get } = world.clusters;
  let reads = 0;
  world.clusters.get = async (name) => {
    if (++reads === 2) world.changeCluster(changes);
    return get(name);
  };
  const scale = scaleCluster(callOn(world, { agents: 8, reclaim: 'delete' as const }));
  await expect(scale).rejects.toMatchObject({ code });
  expect(world.cluster.operation).toBeNull();
});

it('a cancellation is heard although the operation writes its row at the same moment', async () => {
  const world = new FakeWorld({ operation: 'demo.scale.a' });
  world.operationRows.put('demo.scale.a', operationRecord({ id: 'demo.scale.a', cluster: 'demo' }));
  const { get } = world.operations;
  let reads = 0;
  world.operations.get = async (id) => {
    const found = await get(id);
    if (++reads === 1) world.operationRows.put(id, { ...found!.record, phase: 'adding agents' });
    return found;
  };
  const reply = await cancelOperation({ ...callOn(world, undefined), params: { id: 'demo.scale.a' } });
  expect(reply).toMatchObject({ status: 202 });
  expect(world.operationRows.get('demo.scale.a')?.record).toMatchObject({
    phase: 'adding agents',
    cancelRequested: true,
  });
});

describe('the minute timer', () => {
  it('leaves a cluster stopped whose start was never written down', async () => {
    const updatedAt = '2026-02-03T03:00:00.000Z';
    const world = new FakeWorld({ operation: 'demo.start.a', phase: 'stopped', updatedAt });
    await everyMinute({ world, orchestrator: new FakeOrchestrator(), log: QUIET_LOG });
    expect(world.cluster).toMatchObject({ phase: 'stopped', operation: null });
  });

  const old = { cluster: 'demo', startedAt: '2026-02-03T03:00:00.000Z' };

  it('looks after every cluster although one makes trouble', async () => {
    const world = new FakeWorld();
    world.clusterRows.put('other', clusterRecord({ name: 'other', phase: 'ready' }));
    world.operationRows.put('demo.scale.a', operationRecord(old));
    const orchestrator = new FakeOrchestrator();
    orchestrator.status = () => Promise.reject(new Error('no answer'));
    await expect(everyMinute({ world, orchestrator, log: QUIET_LOG })).rejects.toThrow('no answer');
    expect([...orchestrator.states.keys()]).toEqual(['reconcile-demo', 'reconcile-other']);
  });

  it('calls an operation cancelled that has lost its cluster to another', async () => {
    const world = new FakeWorld({ operation: 'demo.destroy.b', phase: 'deleting' });
    world.operationRows.put('demo.scale.a', operationRecord(old));
    await everyMinute({ world, orchestrator: new FakeOrchestrator(), log: QUIET_LOG });
    expect(world.operationRows.get('demo.scale.a')?.record).toMatchObject({
      state: 'cancelled',
      error: { code: 'CANCELLED' },
    });
  });
});

describe('an operation that is pre-empted while the minute timer looks at it', () => {
  it('is cancelled, not failed', async () => {
    const world = new FakeWorld({ operation: 'demo.scale.a' });
    world.operationRows.put(
      'demo.scale.a',
      operationRecord({ cluster: 'demo', startedAt: '2026-02-03T03:00:00.000Z' }),
    );
    const orchestrator = new FakeOrchestrator();
    orchestrator.status = () => {
      world.changeCluster({ operation: 'demo.destroy.b', phase: 'deleting' });
      return Promise.resolve('ended');
    };
    await everyMinute({ world, orchestrator, log: QUIET_LOG });
    expect(world.operationRows.get('demo.scale.a')?.record).toMatchObject({ state: 'cancelled' });
  });
});

describe('a flood on the node routes', () => {
  const row = { ...nodeRecord('demo', 1), state: 'ready' as const, registeredAt: '2026-02-03T03:00:00.000Z' };
  const claims = JSON.stringify({ cluster: 'demo', hostname: 'h', instanceId: '1', bootId: 'b' });

  it('of refused requests writes one by one a hundred events a minute, and then one for each reason', async () => {
    const world = new FakeWorld();
    for (let times = 0; times < 250; times++) {
      await expect(join(callOn(world, { claims: 'garbage', attestation: 'x' }))).rejects.toThrow(AppError);
      world.now += 100;
    }
    expect(world.told.filter(({ type }) => type === 'join.refused')).toHaveLength(101);
  });

  it('of farewells writes one event a minute', async () => {
    const world = new FakeWorld();
    world.addAgent(row);
    for (let times = 0; times < 5; times++) {
      await leave(callOn(world, { claims, attestation: row.vmId }));
      world.now += 100;
    }
    expect(world.told.filter(({ type }) => type === 'node.goingDown')).toHaveLength(1);
  });
});

it.each(Object.keys(ERRORS).filter((code) => ERRORS[code as ErrorCode].status === 503))(
  '%s says when to come back',
  (code) => {
    const { headers } = problem(new AppError(code as ErrorCode, 'not now'), 'id', QUIET_LOG);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  },
);

it('keys of a cluster are made anew although another instance of the app remembers those of its predecessor', async () => {
  const world = new FakeWorld();
  const remembering = cacheVault(world.vault, world.clock);
  const mint = createTokenMint(remembering, world.vault);
  await mint.prepare('demo');
  await mint.serverToken('demo');
  world.secrets.clear(); // a destroy, carried out by another instance
  await mint.prepare('demo');
  expect(world.secrets.size).toBe(2);
  expect(await mint.serverToken('demo')).toBe(world.secrets.get('demo-server-token'));
});
