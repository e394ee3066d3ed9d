import { aimChaos, concludeChaos, planChaos, strikeAgents, watchRecovery } from '../../orchestrations/activities/chaos';
import type { ChaosInput, ChaosStep } from '../../orchestrations/contracts';
import type { ChaosAction, ChaosReport, ChaosRequest } from '../../shared/model/chaos';
import { refuse } from '../../shared/model/errors';
import type { NodeRecord } from '../../shared/model/node';
import { FakeWorld } from '../support/fake-world';
import { nodeRecord, operationRecord } from '../support/records';

const operationId = 'demo.chaos.a';
const startedAt = '2026-02-03T03:59:00.000Z';
const step = (action: ChaosAction = 'restart'): ChaosStep => ({ cluster: 'demo', operationId, action, startedAt });
const input = (changes: Partial<ChaosRequest> = {}): ChaosInput => ({
  cluster: 'demo',
  operationId,
  cause: 'operator',
  request: { action: 'restart', count: 2, seed: 1, concurrency: 1, dryRun: false, ...changes },
});

const agent = (index: number, changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', index),
  state: 'ready',
  registeredAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});
const MASTER = agent(9, { role: 'master', instanceId: 'master0', nodeName: 'master0-0a1b2c3d' });

async function steadyWorld(): Promise<FakeWorld> {
  const world = new FakeWorld({ operation: operationId });
  for (const row of [MASTER, agent(1), agent(2), agent(3)]) world.addAgent(row);
  world.capacity = 3;
  world.secrets.set('demo-engine', '{}');
  await world.mint.prepare('demo');
  world.operationRows.put(operationId, operationRecord({ id: operationId, cluster: 'demo', verb: 'chaos', startedAt }));
  return world;
}

const reportOf = (world: FakeWorld): ChaosReport => world.chaosRows.get(operationId)!.record;
const engineNode = (world: FakeWorld, { nodeName }: { nodeName: string }) =>
  world.engineNodes.find(({ name }) => name === nodeName)!;

async function aimed(world: FakeWorld, changes: Partial<ChaosRequest> = {}) {
  const { vmIds, step } = await planChaos(world, input(changes));
  const { targets } = await aimChaos(world, { ...step, vmIds: vmIds.slice(0, 1) });
  return { vmIds, step, targets, target: targets[0]! };
}

describe('a plan', () => {
  it('writes the report first, and touches nothing', async () => {
    const world = await steadyWorld();
    const plan = await planChaos(world, input());
    expect(plan).toMatchObject({ verdict: 'running', step: step(), concurrency: 1, health: { phase: 'ready' } });
    expect(plan.vmIds).toEqual(reportOf(world).victims.map(({ vmId }) => vmId));
    expect(reportOf(world)).toMatchObject({ id: operationId, startedAt, cause: 'operator', verdict: 'running' });
    expect(world.calls).toEqual([]);
  });

  it('of a cluster that is not steady is skipped, and an event says so', async () => {
    const world = await steadyWorld();
    world.pending = 3;
    expect(await planChaos(world, input())).toMatchObject({
      verdict: 'skipped',
      vmIds: [],
      health: { phase: 'ready' },
    });
    expect(world.told.map(({ type, cause }) => [type, cause])).toEqual([['chaos.skipped', operationId]]);
  });
});

describe('the moment before a strike', () => {
  it('spares who is not eligible any more, and the report says why', async () => {
    const world = await steadyWorld();
    const { vmIds, step } = await planChaos(world, input({ count: 3 }));
    const spared = reportOf(world).victims[0]!;
    engineNode(world, spared).avoidsChaos = true;
    const { targets } = await aimChaos(world, { ...step, vmIds });
    expect(targets.map(({ vmId }) => vmId)).toEqual(vmIds.slice(1));
    expect(reportOf(world).victims.map(({ problem }) => problem)).toEqual(['spared: opted out', '', '']);
  });

  it('ends the run when the lever was pulled or the steady state is lost', async () => {
    const world = await steadyWorld();
    const { vmIds, step } = await planChaos(world, input());
    world.pending = 1;
    expect((await aimChaos(world, { ...step, vmIds })).stop).toMatchObject({ verdict: 'skipped' });
    await world.chaos.put({
      ...reportOf(world),
      victims: reportOf(world).victims.map((victim) => ({ ...victim, struckAt: startedAt })),
    });
    expect((await aimChaos(world, { ...step, vmIds })).stop).toMatchObject({ verdict: 'deviated' });
    world.halted = true;
    expect((await aimChaos(world, { ...step, vmIds })).stop).toMatchObject({ verdict: 'halted' });
  });
});

describe('a strike', () => {
  it.each<[ChaosAction, string]>([
    ['restart', 'restartAgents'],
    ['reimage', 'reimageAgents'],
    ['deallocate', 'deallocateAgents'],
    ['delete', 'deleteAgents'],
  ])('of kind %s is one call to Azure, an event and a time in the report', async (action, verb) => {
    const world = await steadyWorld();
    const { step, targets, target } = await aimed(world, { action });
    expect(await strikeAgents(world, { ...step, targets })).toMatchObject({ ok: true, struck: [target.vmId] });
    expect(world.calls).toEqual([`${verb} ${target.instanceId}`]);
    expect(reportOf(world).victims[0]).toMatchObject({ vmId: target.vmId, struckAt: '2026-02-03T04:00:00.000Z' });
    const told = world.told.find(({ type }) => type === `chaos.${action}`);
    expect(told).toMatchObject({ subject: target.nodeName, cause: operationId });
  });

  it('of kind evict is asked of Azure for each Spot machine', async () => {
    const world = await steadyWorld();
    const spec = { ...world.cluster.spec, agents: { ...world.cluster.spec.agents, priority: 'Spot' as const } };
    world.changeCluster({ spec });
    const { vmIds, step } = await planChaos(world, input({ action: 'evict', count: 3 }));
    const { targets } = await aimChaos(world, { ...step, vmIds });
    await strikeAgents(world, { ...step, targets });
    expect(world.calls).toEqual(targets.map(({ instanceId }) => `simulateEviction ${instanceId}`));
  });

  it('that reimages opens a new generation once, and leaves one alone that has booted', async () => {
    const world = await steadyWorld();
    const { step, targets, target } = await aimed(world, { action: 'reimage' });
    await strikeAgents(world, { ...step, targets });
    await strikeAgents(world, { ...step, targets });
    expect(world.node(target.vmId)).toMatchObject({
      generation: 2,
      nodeName: `${target.nodeName}-g2`,
      registeredAt: '',
    });
    expect(world.engineNodes.map(({ name }) => name)).not.toContain(target.nodeName);
    expect(world.calls).toHaveLength(2);
    world.nodeRows.put(target.vmId, { ...world.node(target.vmId)!, ticketAttempt: 1 });
    expect(await strikeAgents(world, { ...step, targets })).toMatchObject({ ok: true, struck: [target.vmId] });
    expect(world.calls).toHaveLength(2);
  });

  it('that deletes spares who was given the instance id of the one that is gone', async () => {
    const world = await steadyWorld();
    const { step, targets, target } = await aimed(world, { action: 'delete' });
    world.machines = world.machines.filter(({ vmId }) => vmId !== target.vmId);
    world.addAgent(agent(7, { instanceId: target.instanceId }));
    expect(await strikeAgents(world, { ...step, targets })).toMatchObject({ ok: true, struck: [target.vmId] });
    expect(world.calls).toEqual([]);
  });

  it('does not happen when the lever was pulled after the last look', async () => {
    const world = await steadyWorld();
    const { step, targets } = await aimed(world);
    world.halted = true;
    expect(await strikeAgents(world, { ...step, targets })).toEqual({ ok: true, poller: null, struck: [], halted: '' });
    expect(world.calls).toEqual([]);
  });

  it('does not happen when another operation has taken over', async () => {
    const world = await steadyWorld();
    const { step, targets } = await aimed(world);
    world.changeCluster({ operation: 'demo.destroy.b' });
    expect(await strikeAgents(world, { ...step, targets })).toMatchObject({ ok: false, code: 'CANCELLED' });
    expect(world.calls).toEqual([]);
  });

  it('that Azure refuses leaves an event and no time', async () => {
    const world = await steadyWorld();
    const { step, targets } = await aimed(world);
    world.cloud.restartAgents = async () => refuse('SCALE_SET_CONFLICT', 'busy');
    expect(await strikeAgents(world, { ...step, targets })).toMatchObject({ ok: false, code: 'SCALE_SET_CONFLICT' });
    expect(reportOf(world).victims[0]?.struckAt).toBeNull();
    expect(world.told.find(({ type }) => type === 'chaos.restart')?.message).toMatch(/was refused: busy/);
  });
});

describe('the time after a strike', () => {
  it('is watched until the victim serves in another boot and all is steady', async () => {
    const world = await steadyWorld();
    const { step, targets, target } = await aimed(world);
    await strikeAgents(world, { ...step, targets });
    const look = (afterMs: number) => {
      world.now = Date.parse('2026-02-03T04:00:00.000Z') + afterMs;
      return watchRecovery(world, { ...step, targets, poller: 'poller' });
    };
    engineNode(world, target).ready = false;
    expect(await look(10_000)).toMatchObject({
      recovered: false,
      poller: null,
      missing: `${target.nodeName} did not come back`,
      health: { phase: 'degraded' },
    });
    Object.assign(engineNode(world, target), { ready: true, bootId: 'another' });
    expect(await look(60_000)).toMatchObject({ recovered: true, back: 1, missing: '', health: { phase: 'ready' } });
    expect(reportOf(world).victims[0]).toMatchObject({ detectedMs: 10_000, rejoinedMs: 60_000, steadyMs: 60_000 });
  });

  it('tells what Azure says of its own failure', async () => {
    const world = await steadyWorld();
    const { step, targets } = await aimed(world);
    await strikeAgents(world, { ...step, targets });
    world.cloud.poll = async () => ({ state: 'failed', code: 'CAPACITY_UNAVAILABLE', message: 'AllocationFailed' });
    expect(await watchRecovery(world, { ...step, targets, poller: 'poller' })).toMatchObject({ recovered: false });
    expect(reportOf(world).victims[0]?.problem).toBe('AllocationFailed');
  });
});

it('a verdict is written once, whoever repeats it', async () => {
  const world = await steadyWorld();
  const { step } = await planChaos(world, input());
  for (const verdict of ['passed', 'deviated'] as const) await concludeChaos(world, { ...step, verdict, reason: '' });
  expect(reportOf(world)).toMatchObject({ verdict: 'passed', endedAt: '2026-02-03T04:00:00.000Z' });
  expect(world.told.filter(({ type }) => type.startsWith('chaos.')).map(({ type }) => type)).toEqual(['chaos.passed']);
});
