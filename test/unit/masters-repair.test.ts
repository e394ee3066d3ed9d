import { withMasterDataKept } from '../../orchestrations/activities/masters-data';
import { deleteMasterVm, pollMaster, submitMaster } from '../../orchestrations/activities/masters-machines';
import {
  drainMaster,
  planMasterRepair,
  releaseMaster,
  removeMasterNodes,
  removeMember,
} from '../../orchestrations/activities/masters-removal';
import { restartMaster } from '../../orchestrations/activities/power';
import type { Deployment } from '../../shared/ports';
import { OPERATION, HELD, masterWorld, vmIdOf } from '../support/master-world';

const repairing = { ...HELD, name: 'master1' };

/** Three masters, the second of which is lost, and its repair as planned. */
async function planned(state: 'ready' | 'notReady' = 'notReady') {
  const world = masterWorld(['ready', state, 'ready']);
  const plan = await planMasterRepair(world, repairing);
  if (!plan.ok) throw new Error(plan.message);
  return { world, input: { ...HELD, doomed: plan.doomed } };
}

describe('the plan of a repair', () => {
  it('pins the machine and the nodes of exactly that master, and touches nothing', async () => {
    const { world, input } = await planned();
    expect(input.doomed).toEqual({
      name: 'master1',
      vmId: vmIdOf(1),
      nodes: [{ name: expect.stringMatching(/^master1-/), uid: vmIdOf(1), ready: false }],
    });
    expect(world.calls).toEqual([]);
  });

  it('finds a member whose machine and row are gone', async () => {
    const world = masterWorld(['ready', 'notReady', 'ready']);
    world.machines = world.machines.filter(({ instanceId }) => instanceId !== 'master1');
    world.nodeRows.remove(vmIdOf(1));
    const plan = await planMasterRepair(world, repairing);
    expect(plan).toMatchObject({ ok: true, doomed: { nodes: [{ uid: vmIdOf(1) }] } });
    expect(plan).not.toHaveProperty('doomed.vmId');
  });

  it('finds a member that was never claimed, and leaves one that may be another’s', async () => {
    const plannedWith = async (without: string[]) => {
      const world = masterWorld(['ready', 'notReady', 'ready', 'ready', 'ready']);
      const [node] = world.engineNodes;
      world.engineNodes = world.engineNodes.filter(({ name }) => !without.some((master) => name.startsWith(master)));
      world.engineNodes.push({ ...node!, name: 'unclaimed-x', uid: 'x', ready: true, isUnclaimed: true });
      return planMasterRepair(world, repairing);
    };
    expect(await plannedWith(['master1'])).toMatchObject({ doomed: { nodes: [{ uid: 'x' }] } });
    expect(await plannedWith(['master1', 'master4'])).toMatchObject({ doomed: { nodes: [] } });
  });

  it.each([
    ['another master is lost', ['notReady', 'notReady', 'ready'], 'master1', 'QUORUM_AT_RISK'],
    ['it is the only one', ['notReady'], 'master0', 'QUORUM_AT_RISK'],
    ['there is no such master', ['ready', 'ready', 'ready'], 'master3', 'NODE_NOT_FOUND'],
  ] as const)('is refused when %s', async (_, states, name, code) => {
    const world = masterWorld([...states]);
    expect(await planMasterRepair(world, { ...HELD, name })).toMatchObject({ ok: false, code });
    expect(world.calls).toEqual([]);
  });

  it('is refused to an operation that no longer holds the cluster', async () => {
    const world = masterWorld(['ready', 'notReady', 'ready']);
    world.changeCluster({ operation: 'demo.destroy.b' });
    expect(await planMasterRepair(world, repairing)).toMatchObject({ ok: false, code: 'CANCELLED' });
  });
});

describe('taking a master out', () => {
  it('drains only one that still works, and gives it back when that is broken off', async () => {
    const dead = await planned();
    expect(await drainMaster(dead.world, dead.input)).toMatchObject({ proceed: true, remaining: 0 });
    expect(dead.world.calls).toEqual([]);
    const { world, input } = await planned('ready');
    const [node] = input.doomed.nodes;
    await drainMaster(world, input);
    expect(world.calls).toEqual([`evict ${node!.name}`]);
    expect(world.engineNodes.find(({ name }) => name === node!.name)?.schedulable).toBe(false);
    await releaseMaster(world, input);
    expect(world.engineNodes.every(({ schedulable }) => schedulable)).toBe(true);
  });

  it('takes its vote, its node and its place, in that order, and bears every step twice', async () => {
    const { world, input } = await planned();
    for (const step of [removeMember, removeMasterNodes, deleteMasterVm]) {
      expect(await step(world, input)).toMatchObject({ ok: true });
      expect(await step(world, input)).toMatchObject({ ok: true });
    }
    expect(world.engineNodes.map(({ uid }) => uid)).toEqual([vmIdOf(0), vmIdOf(2)]);
    expect(world.node(vmIdOf(1))).toMatchObject({ state: 'failed', detail: expect.stringContaining('made anew') });
    expect(world.told.filter(({ type }) => type === 'node.failed')).toHaveLength(1);
    expect([...new Set(world.calls)]).toEqual([`removeMember ${input.doomed.nodes[0]!.name}`, 'deleteMaster master1']);
  });

  it('never touches the one that came after it, however late a repeat comes', async () => {
    const { world, input } = await planned();
    for (const step of [removeMember, removeMasterNodes, deleteMasterVm]) await step(world, input);
    const fresh = vmIdOf(7);
    world.machines = world.machines.map((one) => (one.instanceId === 'master1' ? { ...one, vmId: fresh } : one));
    world.calls.length = 0;
    expect(await deleteMasterVm(world, input)).toEqual({ ok: true, pollers: [] });
    await removeMasterNodes(world, input);
    expect(world.calls).toEqual([]);
  });

  it('is left alone by an operation that was pre-empted', async () => {
    const { world, input } = await planned();
    world.changeCluster({ operation: 'demo.destroy.b' });
    for (const step of [removeMember, removeMasterNodes, deleteMasterVm])
      expect(await step(world, input)).toMatchObject({ ok: false, code: 'CANCELLED' });
    expect(world.calls).toEqual([]);
    expect(world.engineNodes).toHaveLength(3);
  });
});

describe('the deployment of one master', () => {
  it('is a part of its own, and says why Azure would not', async () => {
    const world = masterWorld(['ready', 'notReady', 'ready']);
    const asked: unknown[] = [];
    world.cloud.beginDeployment = async (...given) => {
      asked.push(given[3]);
      return { ok: true };
    };
    expect(await submitMaster(world, repairing)).toEqual({ ok: true });
    expect(asked).toEqual(['master1']);
    const states: Deployment[] = [
      { state: 'running', parameters: {}, outputs: {} },
      { state: 'failed', code: 'QUOTA_EXCEEDED', message: '2 cores are missing', parameters: {}, outputs: {} },
    ];
    world.cloud.getDeployment = async (_, part) => (part === 'master1' ? states.shift() : undefined);
    expect(await pollMaster(world, repairing)).toMatchObject({ state: 'running' });
    expect(await pollMaster(world, repairing)).toEqual({
      state: 'failed',
      code: 'QUOTA_EXCEEDED',
      message: '2 cores are missing',
    });
    expect(world.told).toMatchObject([{ type: 'master.deployed', subject: 'master1', cause: OPERATION }]);
  });
});

describe('what is submitted for masters that are there', () => {
  const rendered = {
    template: {},
    parameters: { customDataMaster0: { value: 'new' }, customDataMaster1: { value: 'new' }, other: { value: 'new' } },
  };
  const deployed = (parameters: object): Deployment => ({ state: 'succeeded', parameters, outputs: {} });

  it('is the customData that each was made with, since Azure takes no other', async () => {
    const world = masterWorld(['ready']);
    const whole = deployed({
      customDataMaster0: { value: 'first' },
      customDataMaster1: { value: 'first' },
      other: { value: 'first' },
    });
    const repaired = deployed({ customDataMaster1: { value: 'repaired' } });
    world.cloud.getDeployment = async (_, part) =>
      part === undefined ? whole : part === 'master1' ? repaired : undefined;
    const { parameters } = await withMasterDataKept(world, 'demo', rendered);
    expect(parameters).toEqual({
      customDataMaster0: { value: 'first' },
      customDataMaster1: { value: 'repaired' },
      other: { value: 'new' },
    });
  });

  it('is as it was rendered at the first deployment', async () => {
    expect(await withMasterDataKept(masterWorld(['ready']), 'demo', rendered)).toEqual(rendered);
  });
});

it('no master is restarted while the machine of another is gone, though that has no row any more', async () => {
  const world = masterWorld(['ready', 'ready', 'ready']);
  world.machines.pop();
  world.nodeRows.remove(vmIdOf(2));
  expect(await restartMaster(world, { ...HELD, vmId: vmIdOf(0) })).toMatchObject({ code: 'QUORUM_AT_RISK' });
  expect(world.calls).toEqual([]);
});
