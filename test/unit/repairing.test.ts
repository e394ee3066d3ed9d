import { observeCluster } from '../../orchestrations/activities/observation';
import { planRepairs, powerAgents } from '../../orchestrations/activities/reconciliation';
import { confirmGone, deleteAgents, drainPass, startDrain } from '../../orchestrations/activities/retirement';
import { growTo } from '../../orchestrations/activities/scaling';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import type { EngineNode, EnginePort } from '../../shared/ports';
import { FakeWorld } from '../support/fake-world';
import { nodeRecord } from '../support/records';

const agent = (index: number, state: NodeState = 'ready', changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', index),
  state,
  registeredAt: state === 'ready' || state === 'notReady' ? '2026-02-03T03:00:00.000Z' : '',
  ...changes,
});

async function worldWith(...rows: NodeRecord[]): Promise<FakeWorld> {
  const world = new FakeWorld();
  rows.forEach((row) => world.addAgent(row));
  world.secrets.set('demo-engine', '{}');
  await world.mint.prepare('demo');
  return world;
}
const vmIds = (rows: NodeRecord[]): string[] => rows.map(({ vmId }) => vmId);

describe('a node that nobody has claimed', () => {
  const unclaimed = (changes: Partial<EngineNode>): EngineNode => ({
    ...{ name: 'unclaimed-x', uid: 'x', ready: true, schedulable: false, isMaster: false, address: '172.31.16.9' },
    ...{ since: '2026-02-03T03:59:00.000Z', version: '', bootId: '', avoidsChaos: false, isUnclaimed: true },
    ...changes,
  });
  const tidied = async (node: EngineNode, look: typeof planRepairs | typeof observeCluster = planRepairs) => {
    const world = await worldWith(agent(1));
    world.engineNodes.push(node);
    const done: string[] = [];
    const engine: Partial<EnginePort> = {
      revokeTokens: async () => void done.push('tokens'),
      removeNode: async (name) => done.push(name) > 0,
    };
    Object.assign(world.connectEngine(), engine);
    await look(world, { cluster: 'demo', cause: 'timer' });
    return done;
  };

  it('may yet be, as long as it takes no work', async () => {
    expect(await tidied(unclaimed({}))).toEqual([]);
    expect(await tidied(unclaimed({ isMaster: true, schedulable: true }))).toEqual([]);
  });

  it('is removed with what it may have joined by when it has had its time', async () => {
    const late = unclaimed({ since: '2026-02-03T03:50:00.000Z' });
    expect(await tidied(late)).toEqual(['tokens', 'unclaimed-x']);
    expect(await tidied(late, observeCluster)).toEqual([]); // operations look as well, and leave that to the timer
  });

  it('is removed at once, in an operation too, when it takes work: none of ours does so early', async () => {
    expect(await tidied(unclaimed({ schedulable: true }), observeCluster)).toEqual(['tokens', 'unclaimed-x']);
  });
});

describe('the halt lever, moved while a repair is under way', () => {
  const rows = [agent(1, 'notReady')];
  const input = { cluster: 'demo', vmIds: vmIds(rows), cause: 'timer', drain: true };

  it('stops automation before its next step', async () => {
    const world = await worldWith(...rows);
    world.halted = true;
    expect(await startDrain(world, input)).toEqual({ proceed: false });
    expect(await deleteAgents(world, input)).toMatchObject({ ok: false, code: 'CANCELLED' });
    expect(await growTo(world, { cluster: 'demo', agents: 5 })).toMatchObject({ ok: false, code: 'CANCELLED' });
    await powerAgents(world, { cluster: 'demo', verb: 'restart', vmIds: vmIds(rows), reason: 'silent' });
    expect(world.calls).toEqual([]);
  });

  it('does not stop what an operator asked for', async () => {
    const world = await worldWith(...rows);
    world.halted = true;
    world.changeCluster({ operation: 'demo.scale.a' });
    expect(await startDrain(world, { ...input, operationId: 'demo.scale.a' })).toEqual({ proceed: true });
  });
});

describe('a repair that was planned some time ago', () => {
  it('restarts and starts only those that still need it', async () => {
    const rows = [agent(1, 'ready'), agent(2, 'notReady')];
    const world = await worldWith(...rows);
    await powerAgents(world, { cluster: 'demo', verb: 'restart', vmIds: vmIds(rows), reason: 'silent' });
    expect(world.calls).toEqual(['restartAgents 2']);
    expect(world.node(rows[0]!.vmId)?.repairs).toBe(0);
  });

  it('spares those that have joined after all, and deletes the rest', async () => {
    const [late, lost] = [agent(1, 'ready'), agent(2, 'booting')];
    const world = await worldWith(late, lost);
    const input = { cluster: 'demo', vmIds: vmIds([late, lost]), cause: 'timer', drain: false };
    await startDrain(world, input);
    await deleteAgents(world, input);
    expect(world.calls).toEqual(['deleteAgents 2']);
    expect(world.node(late.vmId)?.state).toBe('ready');
    world.machines = world.machines.filter(({ vmId }) => vmId === late.vmId);
    expect(await confirmGone(world, input)).toEqual({ left: [] });
  });
});

describe('a node that was cordoned by an operation that could not undo it', () => {
  const rows = [agent(1), agent(2), agent(3, 'ready', { goingDown: true }), agent(4, 'notReady')];
  const unreleased = async (): Promise<FakeWorld> => {
    const world = await worldWith(...rows);
    for (const { name } of world.engineNodes) await world.connectEngine().cordon(name);
    world.engineNodes[1]!.isHeld = false; // by an operator
    return world;
  };
  const schedulable = ({ engineNodes }: FakeWorld): boolean[] => engineNodes.map((node) => node.schedulable);

  it('takes work again with the next reconcile, but not when an operator cordoned it, or it is not well', async () => {
    const world = await unreleased();
    await planRepairs(world, { cluster: 'demo', cause: 'timer' });
    expect(schedulable(world)).toEqual([true, false, false, false]);
    expect(world.told).toContainEqual(
      expect.objectContaining({ type: 'node.released', subject: rows[0]!.nodeName, cause: 'timer' }),
    );
  });

  it.each(['an operation', 'the halt lever'])('is left to %s while it has the cluster', async (what) => {
    const world = await unreleased();
    if (what === 'an operation') world.changeCluster({ operation: 'demo.restart.a' });
    else world.halted = true;
    await planRepairs(world, { cluster: 'demo', cause: 'timer' });
    expect(schedulable(world)).not.toContain(true);
  });
});

describe('a node that was parked', () => {
  it('takes work again as soon as it is back, whoever started it', async () => {
    const row = agent(1, 'booting', { registeredAt: '2026-02-03T03:00:00.000Z', goingDown: true });
    const world = await worldWith(row);
    Object.assign(world.engineNodes[0]!, { ready: true, schedulable: false });
    await observeCluster(world, { cluster: 'demo', cause: 'timer' });
    expect(world.node(row.vmId)).toMatchObject({ state: 'ready', goingDown: false });
    expect(world.engineNodes).toMatchObject([{ schedulable: true }]);
  });

  it('counts neither as one of the agents nor as one that failed', async () => {
    const world = await worldWith(agent(1, 'ready'), agent(2, 'parked'));
    world.machines[1]!.power = 'deallocated';
    world.engineNodes[0]!.ready = true;
    const { agents, stopped } = await observeCluster(world, { cluster: 'demo', cause: 'timer' });
    expect({ agents, stopped }).toMatchObject({ agents: { ready: 1, total: 1, failed: 0, provisioned: 1 } });
    expect(stopped).toBeUndefined();
  });
});

describe('a reconcile of a cluster that is short of agents', () => {
  const reconcile = (world: FakeWorld) => planRepairs(world, { cluster: 'demo', cause: 'timer' });

  it('says what keeps them from coming until they are there', async () => {
    const world = await worldWith(agent(1, 'ready'), agent(2, 'failed', { detail: 'AllocationFailed: no room' }));
    const { spec } = world.cluster;
    world.changeCluster({ spec: { ...spec, agents: { ...spec.agents, count: 2 } } });
    await reconcile(world);
    expect(world.cluster).toMatchObject({ phase: 'degraded', shortage: 'AllocationFailed: no room' });
    expect(world.cluster.phaseReason).toContain('1 of 2 agents are ready: AllocationFailed: no room');

    world.nodeRows.remove(agent(2).vmId);
    world.machines.pop();
    await reconcile(world);
    expect(world.cluster.phaseReason).toContain('AllocationFailed: no room'); // the next one is only on its way

    world.addAgent({ ...agent(3, 'ready'), nodeName: 'agents-3-x' });
    await reconcile(world);
    expect(world.cluster).toMatchObject({ shortage: '' });
    expect(world.cluster.phaseReason).not.toContain('agents');
  });

  it.each(['stopped', 'stored'] as const)('leaves one alone that is %s', async (phase) => {
    const world = await worldWith(agent(1, 'ready'));
    world.changeCluster({ phase });
    expect(await reconcile(world)).toMatchObject({ actions: [] });
    expect(world.cluster.phase).toBe(phase);
  });
});

describe('a removal', () => {
  it('drains also a node that Azure calls failed although it has joined', async () => {
    const row = agent(1, 'failed', { registeredAt: '2026-02-03T03:00:00.000Z' });
    const world = await worldWith(row);
    const input = { cluster: 'demo', vmIds: [row.vmId], cause: 'timer', drain: true };
    await startDrain(world, input);
    await drainPass(world, input);
    expect(world.calls).toEqual([`evict ${row.nodeName}`]);
  });

  it('tells of every state that it takes a node through, once', async () => {
    const row = agent(1, 'ready');
    const world = await worldWith(row);
    const input = { cluster: 'demo', vmIds: [row.vmId], cause: 'demo.scale.a', drain: true };
    await startDrain(world, input);
    await deleteAgents(world, input);
    await deleteAgents(world, input);
    expect(world.told.map(({ type, cause }) => [type, cause])).toEqual([
      ['node.draining', 'demo.scale.a'],
      ['node.leaving', 'demo.scale.a'],
    ]);
  });
});
