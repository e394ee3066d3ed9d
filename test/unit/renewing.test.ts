import {
  evictAgents,
  lookAtRenewed,
  noteNodes,
  releaseAgents,
  renewMachines,
} from '../../orchestrations/activities/power';
import { AppError, refuse } from '../../shared/model/errors';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import { FakeWorld } from '../support/fake-world';
import { nodeRecord } from '../support/records';

const OPERATION = { cluster: 'demo', operationId: 'demo.reimage.a' };
const JOINED = '2026-02-03T03:00:00.000Z';
const agent = (index: number, state: NodeState = 'ready', changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', index),
  state,
  registeredAt: state === 'ready' || state === 'notReady' ? JOINED : '',
  ...changes,
});

function worldWith(...rows: NodeRecord[]): FakeWorld {
  const world = new FakeWorld({ operation: OPERATION.operationId });
  rows.forEach((row) => world.addAgent(row));
  world.secrets.set('demo-engine', '{}');
  return world;
}
const engineNames = (world: FakeWorld): string[] => world.engineNodes.map(({ name }) => name);

/** The VM boots from its new disk, gets its ticket and registers. */
function joins(world: FakeWorld, vmId: string): void {
  const row = world.node(vmId)!;
  world.nodeRows.put(vmId, { ...row, state: 'ready', ticketAttempt: 1, registeredAt: JOINED });
  const [template] = worldWith(agent(1)).engineNodes;
  const { nodeName: name } = row;
  world.engineNodes.push({ ...template!, name, uid: `${vmId}-${row.generation}`, bootId: `${name}-1`, ready: true });
}

async function reimage(world: FakeWorld, vmIds: string[], repeats = 1): Promise<void> {
  const { nodes } = await noteNodes(world, { cluster: 'demo', vmIds });
  for (let times = 0; times < repeats; times++)
    expect(await renewMachines(world, { ...OPERATION, action: 'reimage', nodes })).toMatchObject({ ok: true });
}

describe('a reimage', () => {
  it('opens the new generation and removes the old node before Azure acts', async () => {
    const row = agent(1);
    const world = worldWith(row);
    const before: unknown[] = [];
    const act = world.cloud.reimageAgents;
    world.cloud.reimageAgents = async (cluster, ids) => {
      before.push(world.node(row.vmId)?.generation, engineNames(world));
      return act(cluster, ids);
    };
    await reimage(world, [row.vmId]);
    expect(before).toEqual([2, []]);
    expect(world.calls).toEqual(['reimageAgents 1']);
    expect(world.told).toMatchObject([
      { type: 'node.expected', subject: `${row.nodeName}-g2`, cause: OPERATION.operationId },
    ]);
  });

  it('opens one generation however often it is repeated', async () => {
    const row = agent(1);
    const world = worldWith(row);
    await reimage(world, [row.vmId], 3);
    expect(world.node(row.vmId)).toMatchObject({ generation: 2, nodeName: `${row.nodeName}-g2`, state: 'expected' });
    expect(world.told).toHaveLength(1);
  });

  it('does not empty the disk again of a machine that has asked to join since', async () => {
    const row = agent(1);
    const world = worldWith(row);
    const { nodes } = await noteNodes(world, { cluster: 'demo', vmIds: [row.vmId] });
    const input = { ...OPERATION, action: 'reimage' as const, nodes };
    await renewMachines(world, input);
    joins(world, row.vmId);
    expect(await renewMachines(world, input)).toEqual({ ok: true, pollers: [] });
    expect(world.calls).toEqual(['reimageAgents 1']);
    expect(engineNames(world)).toEqual([`${row.nodeName}-g2`]);
  });

  it('goes on where a crash cut it off, at whichever step', async () => {
    const steps: ((world: FakeWorld) => void)[] = [
      (world) => (world.events.append = failsOnce(world.events.append)),
      (world) => (world.nodes.writeAll = failsOnce(world.nodes.writeAll)),
      (world) => (world.connectEngine().removeNode = failsOnce(world.connectEngine().removeNode)),
      (world) => (world.cloud.reimageAgents = failsOnce(world.cloud.reimageAgents)),
    ];
    for (const breaks of steps) {
      const row = agent(1);
      const world = worldWith(row);
      const { nodes } = await noteNodes(world, { cluster: 'demo', vmIds: [row.vmId] });
      const input = { ...OPERATION, action: 'reimage' as const, nodes };
      breaks(world);
      await expect(renewMachines(world, input)).rejects.toThrow('the process died');
      await renewMachines(world, input);
      expect(world.node(row.vmId)).toMatchObject({ generation: 2, state: 'expected' });
      expect(engineNames(world)).toEqual([]);
      expect(world.calls).toEqual(['reimageAgents 1']);
      expect(world.told.map(({ type }) => type)).toEqual(['node.expected']);
    }
  });

  it('ten times over leaves one node in the engine, under a name that was never used', async () => {
    const row = agent(1);
    const world = worldWith(row);
    const names = new Set([row.nodeName]);
    for (let times = 1; times <= 10; times++) {
      await reimage(world, [row.vmId], times % 2 ? 1 : 2); // every other one is repeated
      joins(world, row.vmId);
      expect(engineNames(world)).toHaveLength(1);
      names.add(engineNames(world)[0]!);
    }
    expect(names.size).toBe(11);
    expect(world.node(row.vmId)).toMatchObject({ generation: 11, nodeName: `${row.nodeName}-g11` });
  });

  it('does nothing once another operation has taken over', async () => {
    const row = agent(1);
    const world = worldWith(row);
    const { nodes } = await noteNodes(world, { cluster: 'demo', vmIds: [row.vmId] });
    world.changeCluster({ operation: 'demo.destroy.b' });
    expect(await renewMachines(world, { ...OPERATION, action: 'reimage', nodes })).toMatchObject({ code: 'CANCELLED' });
    expect(world.node(row.vmId)?.generation).toBe(1);
  });
});

function failsOnce<A extends unknown[], R>(step: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  let failed = false;
  return async (...args) => {
    if (failed) return step(...args);
    failed = true;
    throw new Error('the process died');
  };
}

describe('a drain of agents that come back', () => {
  it('leaves their rows as they are, and asks nothing of nodes that are not ready', async () => {
    const [well, silent] = [agent(1), agent(2, 'notReady')];
    const world = worldWith(well, silent);
    const pass = await evictAgents(world, { ...OPERATION, vmIds: [well.vmId, silent.vmId] });
    expect(pass).toEqual({ proceed: true, remaining: 0, blocked: [] });
    expect(world.calls).toEqual([`evict ${well.nodeName}`]);
    expect(world.node(well.vmId)?.state).toBe('ready');
    expect(world.engineNodes.map(({ schedulable }) => schedulable)).toEqual([false, true]);
  });

  it('names the node and the pod that hold it up', async () => {
    const row = agent(1);
    const world = worldWith(row);
    const why = 'default/web-1: The disruption budget web does not allow it';
    world.connectEngine().evict = async () => ({ remaining: 1, blocked: [why] });
    expect(await evictAgents(world, { ...OPERATION, vmIds: [row.vmId] })).toEqual({
      ...{ proceed: true, remaining: 1, blocked: [why] },
      held: `${row.nodeName}: ${why}`,
    });
  });

  it('counts a silent engine as work left', async () => {
    const row = agent(1);
    const world = worldWith(row);
    world.connectEngine().cordon = async () => {
      throw new AppError('ENGINE_UNREACHABLE', 'no master answers');
    };
    expect(await evictAgents(world, { ...OPERATION, vmIds: [row.vmId] })).toMatchObject({ remaining: 1 });
  });

  it('is taken back for all that serve, under the names that they have then', async () => {
    const [back, parked] = [agent(1, 'ready', { goingDown: true }), agent(2, 'parked', { registeredAt: JOINED })];
    const world = worldWith(back, parked);
    for (const node of world.engineNodes) node.schedulable = false;
    const { names } = await releaseAgents(world, { ...OPERATION, vmIds: [back.vmId, parked.vmId] });
    expect(names).toEqual({ [back.vmId]: back.nodeName, [parked.vmId]: parked.nodeName });
    expect(world.engineNodes.map(({ schedulable }) => schedulable)).toEqual([true, false]);
    expect(world.node(back.vmId)?.goingDown).toBe(false);
  });
});

describe('a look at what was renewed', () => {
  it('believes in a restart only after another boot, and says why a node is away', async () => {
    const [one, two, gone] = [agent(1), agent(2), agent(3)];
    const world = worldWith(one, two, gone);
    await world.mint.prepare('demo');
    const vmIds = [one, two, gone].map(({ vmId }) => vmId);
    const { nodes } = await noteNodes(world, { cluster: 'demo', vmIds });
    world.engineNodes[0]!.bootId = 'another';
    world.machines = world.machines
      .filter(({ vmId }) => vmId !== gone.vmId)
      .map((vm) => (vm.vmId === two.vmId ? { ...vm, power: 'stopped' as const } : vm));
    const view = await lookAtRenewed(world, { cluster: 'demo', cause: 'x', action: 'restart', nodes });
    expect(view).toMatchObject({ ready: [one.vmId], waiting: [two.vmId], lost: [gone.vmId] });
    expect(view.problems).toEqual([
      `${two.nodeName}: the virtual machine is stopped`,
      `${gone.nodeName}: the virtual machine is gone`,
    ]);
  });
});

it('hands a refusal of Azure on as it is', async () => {
  const row = agent(1);
  const world = worldWith(row);
  world.cloud.updateAgents = async () => refuse('CAPACITY_UNAVAILABLE', 'no room');
  const { nodes } = await noteNodes(world, { cluster: 'demo', vmIds: [row.vmId] });
  expect(await renewMachines(world, { ...OPERATION, action: 'resize', nodes })).toEqual(
    refuse('CAPACITY_UNAVAILABLE', 'no room'),
  );
});

it('a restart of masters is begun also when the engine is silent, which may be why; of agents it is not', async () => {
  const world = worldWith(agent(1), agent(2, 'ready', { role: 'master', instanceId: 'master0' }));
  world.connectEngine().listNodes = async () => {
    throw new AppError('ENGINE_UNREACHABLE', 'no answer');
  };
  const note = (index: number) => noteNodes(world, { cluster: 'demo', vmIds: [agent(index).vmId] });
  expect(await note(2)).toMatchObject({ nodes: [{ bootId: '' }] });
  await expect(note(1)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
});

it('a reimage of agents opens no generation while the engine is silent: they are as they were when it answers again', async () => {
  const row = agent(1);
  const world = worldWith(row);
  const { nodes } = await noteNodes(world, { cluster: 'demo', vmIds: [row.vmId] });
  world.connectEngine().listNodes = async () => {
    throw new AppError('ENGINE_UNREACHABLE', 'no answer');
  };
  const reimaged = renewMachines(world, { ...OPERATION, action: 'reimage', nodes });
  await expect(reimaged).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  expect(world.node(row.vmId)).toEqual(row);
  expect(world.calls).toEqual([]);
});
