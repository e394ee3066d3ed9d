import { listChaos, startChaos } from '../../functions/chaos';
import type { Call } from '../../functions/respond';
import { everyMinute } from '../../functions/timers';
import { ChaosList, ChaosRequestSchema } from '../../shared/api';
import type { ChaosReport } from '../../shared/model/chaos';
import type { ChaosSpec } from '../../shared/model/cluster';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';
import { clusterSpec, nodeRecord, operationRecord } from '../support/records';

const HALF_HOURLY: ChaosSpec = {
  armed: true,
  schedule: '0 */30 * * * *',
  timeZone: 'UTC',
  action: 'restart',
  count: 1,
};

/** A steady cluster at 04:00, when the schedule is due. */
function steadyWorld(chaos: ChaosSpec | null = null, changes: object = {}): FakeWorld {
  const world = new FakeWorld({ spec: clusterSpec({ chaos }), ...changes });
  const ready = { state: 'ready' as const, registeredAt: '2026-01-01T00:00:00.000Z' };
  const master = { role: 'master' as const, instanceId: 'master0', nodeName: 'master0-0a1b2c3d' };
  world.addAgent({ ...nodeRecord('demo', 9), ...ready, ...master });
  for (const index of [1, 2, 3]) world.addAgent({ ...nodeRecord('demo', index), ...ready });
  world.secrets.set('demo-engine', '{}');
  return world;
}

const callOn = <Body>(world: FakeWorld, body: Body, query: Call['query'] = {}): Call<Body> => ({
  world,
  orchestrator: new FakeOrchestrator(),
  log: QUIET_LOG,
  params: { c: 'demo' },
  query,
  body,
});
const ask = (world: FakeWorld, body: object = {}, query: Call['query'] = {}) =>
  startChaos(callOn(world, ChaosRequestSchema.parse(body), query));
const reports = (world: FakeWorld): ChaosReport[] => world.chaosRows.all().map(({ record }) => record);
const operations = (world: FakeWorld) => world.operationRows.all().map(({ record }) => record);

describe('a request for chaos', () => {
  it('begins an operation whose seed is recorded, asked for or not', async () => {
    const world = steadyWorld();
    expect(await ask(world)).toMatchObject({ status: 202, body: { verb: 'chaos', state: 'running' } });
    expect(operations(world)[0]?.input).toMatchObject({
      cause: 'operator',
      request: { action: 'restart', concurrency: 1, dryRun: false, seed: expect.any(Number) },
    });
    const seeded = steadyWorld();
    await ask(seeded, { seed: 7, fraction: 0.5 });
    expect(operations(seeded)[0]?.input).toMatchObject({ request: { seed: 7, fraction: 0.5 } });
  });

  it('tells its plan under whatIf, and touches nothing', async () => {
    const world = steadyWorld();
    const { body } = await ask(world, { count: 2, seed: 7, action: 'delete' }, { whatIf: 'true' });
    expect(body).toEqual({
      whatIf: true,
      verb: 'chaos',
      would: [
        'delete 2 of 3 eligible agents, 1 at a time, seed 7',
        expect.stringMatching(/^delete agents-\d-0a1b2c3d$/),
        expect.stringMatching(/^delete agents-\d-0a1b2c3d$/),
      ],
    });
    expect(await ask(world, { count: 2, seed: 7, action: 'delete' }, { whatIf: 'true' })).toMatchObject({ body });
    expect([world.calls, operations(world), reports(world)]).toEqual([[], [], []]);
  });

  it('says under whatIf why nobody would be struck', async () => {
    const world = steadyWorld();
    world.pending = 1;
    const { body } = await ask(world, {}, { whatIf: 'true' });
    expect(body).toMatchObject({ would: [expect.stringMatching(/^strike nobody: the steady state does not hold/)] });
  });

  it.each([
    ['a stopped cluster', { phase: 'stopped' }, {}, 'CLUSTER_STOPPED'],
    ['a cluster without machines', { phase: 'stored' }, {}, 'CLUSTER_NOT_READY'],
    ['a failed cluster', { phase: 'failed' }, {}, 'CLUSTER_NOT_READY'],
    ['a busy cluster', { operation: 'demo.scale.a' }, {}, 'OPERATION_IN_PROGRESS'],
    ['an eviction of Regular machines', {}, { action: 'evict' }, 'INVALID_REQUEST'],
  ])('is refused for %s, also under whatIf', async (_, cluster, body, code) => {
    const world = steadyWorld(null, cluster);
    await expect(ask(world, body)).rejects.toMatchObject({ code });
    await expect(ask(world, body, { whatIf: 'true' })).rejects.toMatchObject({ code });
    expect(operations(world)).toEqual([]);
  });
});

describe('a listing of runs', () => {
  const running = (): ChaosReport => ({
    id: 'demo.chaos.a',
    cluster: 'demo',
    request: { action: 'restart', seed: 1, concurrency: 1, dryRun: false },
    cause: 'operator',
    startedAt: '2026-02-03T03:00:00.000Z',
    endedAt: null,
    verdict: 'running',
    reason: '',
    before: null,
    after: null,
    eligible: [],
    victims: [],
  });

  it('has the shape that the API promises', async () => {
    const world = steadyWorld();
    world.chaosRows.put('demo.chaos.a', running());
    world.operationRows.put('demo.chaos.a', operationRecord({ id: 'demo.chaos.a', cluster: 'demo', verb: 'chaos' }));
    const { body } = await listChaos(callOn(world, undefined));
    expect(ChaosList.parse(body)).toEqual({ runs: [running()] });
  });

  it('ends a run that was pre-empted before it could write its verdict', async () => {
    const world = steadyWorld();
    world.chaosRows.put('demo.chaos.a', running());
    const error = { code: 'CANCELLED' as const, message: 'pre-empted by demo.destroy.b' };
    const endedAt = '2026-02-03T03:01:00.000Z';
    world.operationRows.put(
      'demo.chaos.a',
      operationRecord({ id: 'demo.chaos.a', cluster: 'demo', state: 'cancelled', error, endedAt }),
    );
    const { body } = await listChaos(callOn(world, undefined));
    expect(body).toMatchObject({ runs: [{ verdict: 'cancelled', reason: error.message, endedAt }] });
  });

  it('of a cluster that never was is a 404', async () => {
    const call = { ...callOn(steadyWorld(), undefined), params: { c: 'nobody' } };
    await expect(listChaos(call)).rejects.toMatchObject({ code: 'CLUSTER_NOT_FOUND' });
  });
});

describe('the timer', () => {
  const timer = (world: FakeWorld, scheduledChaos = true, orchestrator = new FakeOrchestrator()) =>
    everyMinute({ world, orchestrator, log: QUIET_LOG }, { scheduledChaos });
  const TICK = '2026-02-03T04:00:00.000Z';
  const UNIQUE = Date.parse(TICK).toString(36);

  it('begins an operation at a tick of a schedule that is armed twice', async () => {
    const world = steadyWorld(HALF_HOURLY);
    await timer(world);
    expect(operations(world)).toMatchObject([
      { id: `demo.chaos.${UNIQUE}`, verb: 'chaos', input: { cause: 'schedule', request: { dryRun: false, count: 1 } } },
    ]);
    expect(world.cluster.operation).toBe(`demo.chaos.${UNIQUE}`);
    expect(world.told).toMatchObject([{ type: 'operation.started', cause: 'timer' }]);
  });

  it.each([
    ['the cluster is not armed', { ...HALF_HOURLY, armed: false }, true],
    ['the setting is off', HALF_HOURLY, false],
  ])('only plans when %s', async (_, chaos, setting) => {
    const world = steadyWorld(chaos);
    await timer(world, setting);
    expect(operations(world)).toEqual([]);
    expect(reports(world)).toMatchObject([
      { id: `demo.chaos.dry-${UNIQUE}`, verdict: 'planned', cause: 'schedule', startedAt: TICK },
    ]);
    expect(reports(world)[0]?.victims).toHaveLength(1);
    expect(world.told).toMatchObject([{ type: 'chaos.planned', cause: 'timer' }]);
  });

  it('does nothing between two ticks, nor without a schedule', async () => {
    for (const world of [steadyWorld(HALF_HOURLY), steadyWorld(null)]) {
      world.now += 5 * 60_000;
      await timer(world);
      expect([reports(world), operations(world)]).toEqual([[], []]);
    }
  });

  it('makes up for a tick that it was a minute late for, once', async () => {
    const world = steadyWorld(HALF_HOURLY);
    world.now += 65_000;
    await timer(world);
    await timer(world);
    expect(operations(world)).toHaveLength(1);
  });

  it('runs the last of several missed ticks only, and none from before the cluster', async () => {
    const world = steadyWorld({ ...HALF_HOURLY, schedule: '*/10 * * * * *' });
    await timer(world);
    expect(operations(world)).toHaveLength(1);
    const young = steadyWorld(HALF_HOURLY, { createdAt: '2026-02-03T04:00:30.000Z' });
    young.now += 60_000;
    await timer(young);
    expect(operations(young)).toEqual([]);
  });

  it('begins a tick once, also when it comes twice or on two instances', async () => {
    const world = steadyWorld(HALF_HOURLY);
    const orchestrator = new FakeOrchestrator();
    await Promise.all([timer(world, true, orchestrator), timer(world, true, orchestrator)]);
    await timer(world, true, orchestrator);
    expect(operations(world)).toHaveLength(1);
    expect(reports(world)).toEqual([]);
    world.changeCluster({ operation: null });
    world.operationRows.put(`demo.chaos.${UNIQUE}`, { ...operations(world)[0]!, state: 'succeeded' });
    await timer(world, true, orchestrator);
    expect(world.cluster.operation).toBeNull();
    expect(reports(world)).toEqual([]);
  });

  it.each([
    ['another operation runs', { operation: 'demo.scale.a' }, 'skipped', /^demo\.scale\.a is running$/],
    [
      'the cluster is degraded',
      { phase: 'degraded', phaseReason: '1 of 3' },
      'skipped',
      /^the cluster is degraded: 1 of 3$/,
    ],
    ['the cluster is stopped', { phase: 'stopped' }, 'skipped', /^the cluster is stopped$/],
  ])('leaves a report and touches nothing when %s', async (_, changes, verdict, reason) => {
    const world = steadyWorld(HALF_HOURLY, changes);
    if ('operation' in changes)
      world.operationRows.put('demo.scale.a', operationRecord({ cluster: 'demo', startedAt: TICK }));
    await timer(world);
    world.changeCluster({ operation: null, phase: 'ready' });
    world.now += 60_000;
    await timer(world);
    expect(reports(world)).toMatchObject([
      { id: `demo.chaos.${UNIQUE}`, verdict, reason: expect.stringMatching(reason), endedAt: TICK },
    ]);
    expect(operations(world).filter(({ verb }) => verb === 'chaos')).toEqual([]);
  });

  it('leaves a report and touches nothing while automation is halted', async () => {
    const world = steadyWorld(HALF_HOURLY);
    world.halted = true;
    await timer(world);
    expect(reports(world)).toMatchObject([{ verdict: 'halted', victims: [] }]);
    expect(operations(world)).toEqual([]);
  });
});
