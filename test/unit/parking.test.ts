import {
  parkStopped,
  restartMaster,
  selectNodes,
  startMachines,
  stopMachines,
  wishForServing,
} from '../../orchestrations/activities/power';
import { growTo, pickVictims } from '../../orchestrations/activities/scaling';
import { refuse } from '../../shared/model/errors';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import type { Machine } from '../../shared/ports';
import { FakeWorld } from '../support/fake-world';
import { clusterRecord, nodeRecord } from '../support/records';

const OPERATION = { cluster: 'demo', operationId: 'demo.stop.a' };
const { spec } = clusterRecord();
const wish = (count: number, min = 0) => ({ ...spec, agents: { ...spec.agents, count, min } });
const JOINED = '2026-02-03T03:00:00.000Z';
const agent = (index: number, state: NodeState = 'ready'): NodeRecord => ({
  ...nodeRecord('demo', index),
  state,
  registeredAt: ['ready', 'notReady', 'parked'].includes(state) ? JOINED : '',
});
const master = (index: number, state: NodeState = 'ready'): NodeRecord => ({
  ...agent(90 + index, state),
  role: 'master',
  instanceId: `master${index}`,
  nodeName: `master${index}-0a1b2c3d`,
});
const OFF: Partial<Machine> = { power: 'deallocated' };

function worldWith(count: number, ...rows: [NodeRecord, Partial<Machine>?][]): FakeWorld {
  const world = new FakeWorld({ operation: OPERATION.operationId, spec: wish(count) });
  for (const [row, machine] of rows) world.addAgent(row, machine);
  world.secrets.set('demo-engine', '{}');
  return world;
}
const states = (world: FakeWorld): string[] => world.nodeRows.all().map(({ record }) => record.state);
const switchOff = (world: FakeWorld): void => void world.machines.forEach((vm) => (vm.power = 'deallocated'));

describe('stopping machines', () => {
  it('asks Azure for those that are not off as asked: powered off is not deallocated', async () => {
    const world = worldWith(3, [agent(1)], [agent(2), { power: 'stopped' }], [agent(3), OFF], [master(0)]);
    await stopMachines(world, { ...OPERATION, role: 'agent', deallocate: true });
    await stopMachines(world, { ...OPERATION, role: 'agent', deallocate: false });
    await stopMachines(world, { ...OPERATION, role: 'master', deallocate: true });
    expect(world.calls).toEqual(['deallocateAgents 1,2', 'stopAgents 1', 'deallocateMaster master0']);
  });

  it('asks nothing when all are off', async () => {
    const world = worldWith(1, [agent(1), OFF]);
    const stopped = await stopMachines(world, { ...OPERATION, role: 'agent', deallocate: true });
    expect(stopped).toEqual({ ok: true, pollers: [] });
    expect(world.calls).toEqual([]);
  });
});

describe('parking', () => {
  it('waits until every machine is off', async () => {
    const world = worldWith(2, [agent(1), OFF], [agent(2)]);
    expect(await parkStopped(world, { ...OPERATION, deallocate: true })).toEqual({ on: [agent(2).vmId] });
    expect(states(world)).not.toContain('parked');
    switchOff(world);
    expect(await parkStopped(world, { ...OPERATION, deallocate: true })).toEqual({ on: [] });
    expect(states(world)).toEqual(['parked', 'parked']);
    expect(world.told).toContainEqual(expect.objectContaining({ type: 'node.parked', cause: OPERATION.operationId }));
  });

  it('takes what went off of those that were to go, when not all did', async () => {
    const world = worldWith(2, [agent(1), OFF], [agent(2)]);
    await parkStopped(world, { ...OPERATION, deallocate: false, partly: true });
    expect(world.node(agent(1).vmId)?.state).toBe('parked');
    expect(world.node(agent(2).vmId)?.state).toBe('ready');
    expect(await wishForServing(world, OPERATION)).toEqual({ agents: 1 });
    expect(world.cluster.spec.agents.count).toBe(1);
    expect(world.told.map(({ type }) => type)).toContain('cluster.desired');
  });

  it('keeps from work only who has a node that could take it', async () => {
    const world = worldWith(2, [agent(1), OFF], [agent(2, 'booting'), OFF]);
    await parkStopped(world, { ...OPERATION, deallocate: true });
    expect(world.nodeRows.all().map(({ record }) => record.goingDown)).toEqual([true, false]);
  });

  it('leaves rows and wish alone once another operation holds the cluster', async () => {
    const world = worldWith(2, [agent(1), OFF]);
    world.changeCluster({ operation: 'demo.destroy.b' });
    await parkStopped(world, { ...OPERATION, deallocate: true });
    await wishForServing(world, OPERATION);
    expect(states(world)).not.toContain('parked');
    expect(world.cluster.spec.agents.count).toBe(2);
  });
});

describe('starting machines', () => {
  it('powers on what is off and waits for it from then on', async () => {
    const world = worldWith(0, [agent(1, 'parked'), OFF], [agent(2, 'parked')], [agent(3)]);
    const started = await startMachines(world, { ...OPERATION, role: 'agent' });
    expect(started).toMatchObject({ ok: true, started: [agent(1).vmId] });
    expect(world.calls).toEqual(['startAgents 1']);
    expect(states(world)).toEqual(['booting', 'booting', 'ready']);
    expect(world.node(agent(1).vmId)?.awaitedSince).toBe(new Date(world.now).toISOString());
  });

  it('leaves rows parked when Azure refuses', async () => {
    const world = worldWith(0, [agent(1, 'parked'), OFF]);
    world.cloud.startAgents = async () => refuse('CAPACITY_UNAVAILABLE', 'no room');
    const started = await startMachines(world, { ...OPERATION, role: 'agent' });
    expect(started).toMatchObject({ ok: false, code: 'CAPACITY_UNAVAILABLE' });
    expect(states(world)).toEqual(['parked']);
  });

  it('only ever raises the wish where that is asked for', async () => {
    const world = worldWith(5, [agent(1)]);
    await wishForServing(world, { ...OPERATION, atLeast: true });
    expect(world.cluster.spec.agents.count).toBe(5);
  });
});

it.each([
  ['is lowered with agents that went', 3, { atMost: true }, 2],
  ['is not raised by one that is broken and about to go', 1, { atMost: true }, 1],
  ['is that of who asked for a number', 3, { atMost: true, atLeast: true }, 3],
  ['is raised again to those that stayed', 1, { atLeast: true }, 2],
])('the wish %s', async (_, before, bounds, after) => {
  const world = worldWith(before, [agent(1)], [agent(2, 'failed')], [agent(3, 'parked'), OFF]);
  await wishForServing(world, { ...OPERATION, ...bounds });
  expect(world.cluster.spec.agents.count).toBe(after);
});

describe('what a verb is about', () => {
  it('is, of all agents, none that has failed, unless it is named', async () => {
    const world = worldWith(2, [agent(1)], [agent(2, 'failed')]);
    expect(await selectNodes(world, { cluster: 'demo' })).toMatchObject({ agents: [agent(1).vmId], serving: 2 });
    const vmIds = [agent(2).vmId];
    expect(await selectNodes(world, { cluster: 'demo', vmIds })).toMatchObject({ agents: vmIds });
  });

  it('are the nodes that are named, told apart by what they are', async () => {
    const world = worldWith(2, [agent(1)], [agent(2, 'parked'), OFF], [agent(3)], [master(0)]);
    const named = [agent(2), agent(3), master(0)].map(({ vmId }) => vmId);
    expect(await selectNodes(world, { cluster: 'demo', vmIds: named })).toMatchObject({
      agents: [agent(3).vmId],
      parked: [agent(2).vmId],
      masters: [master(0).vmId],
      serving: 2,
      isStopped: false,
    });
  });
});

describe('growing', () => {
  const grow = (world: FakeWorld, agents: number) => growTo(world, { ...OPERATION, agents });

  it('starts parked agents before it raises capacity, and says when that is not all', async () => {
    const world = worldWith(1, [agent(1)], [agent(2, 'parked'), OFF], [agent(3, 'parked'), OFF]);
    expect(await grow(world, 2)).toEqual({ ok: true, poller: 'startAgents 2', capacity: 3 });
    expect(await grow(world, 4)).toMatchObject({ ok: true, poller: 'startAgents 3', more: true });
    world.machines.forEach((vm) => (vm.power = 'running'));
    expect(await grow(world, 4)).toMatchObject({ ok: true, poller: 'setCapacity 4', capacity: 4 });
  });

  it('of automation that Azure refuses is kept as the reason, and told once', async () => {
    const world = worldWith(3, [agent(1)]);
    world.changeCluster({ operation: null });
    world.cloud.setCapacity = async () => refuse('QUOTA_EXCEEDED', 'no cores are left');
    for (let times = 0; times < 3; times++) await growTo(world, { cluster: 'demo', agents: 3 });
    expect(world.cluster.shortage).toBe('no cores are left');
    expect(world.told.map(({ message }) => message)).toEqual(['capacity stays 1: no cores are left']);
  });

  it('of an operation leaves the reason to the operation', async () => {
    const world = worldWith(3, [agent(1)]);
    world.cloud.setCapacity = async () => refuse('QUOTA_EXCEEDED', 'no cores are left');
    expect(await grow(world, 3)).toMatchObject({ ok: false, code: 'QUOTA_EXCEEDED' });
    expect(world.cluster.shortage).toBe('');
  });
});

it('a scale that parks keeps what works and removes what does not', async () => {
  const world = worldWith(3, [agent(1)], [agent(2)], [agent(3, 'failed')]);
  const victims = await pickVictims(world, { cluster: 'demo', agents: 1, reclaim: 'park' });
  expect(victims.vmIds).toEqual([agent(3).vmId]);
  expect(victims.park).toHaveLength(1);
});

describe('a restart of a master', () => {
  it('is refused while another is not ready', async () => {
    const world = worldWith(0, [master(0)], [master(1, 'notReady'), OFF], [master(2)]);
    const refused = await restartMaster(world, { ...OPERATION, vmId: master(0).vmId });
    expect(refused).toMatchObject({ ok: false, code: 'QUORUM_AT_RISK' });
    expect(refused).toHaveProperty('message', expect.stringContaining('master1-0a1b2c3d is notReady'));
    expect(world.calls).toEqual([]);
  });

  it('is done when the others are, and when it is the only one', async () => {
    const [three, one] = [worldWith(0, [master(0)], [master(1)], [master(2)]), worldWith(0, [master(0, 'notReady')])];
    for (const world of [three, one]) await restartMaster(world, { ...OPERATION, vmId: master(0).vmId });
    expect([three.calls, one.calls]).toEqual([['restartMaster master0'], ['restartMaster master0']]);
  });
});
