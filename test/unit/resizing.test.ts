import { noteAgentSize, resubmitDeployment, setAgentSize } from '../../orchestrations/activities/power';
import type { NodeState } from '../../shared/model/node';
import type { World } from '../../shared/ports';
import { FakeWorld } from '../support/fake-world';
import { nodeRecord } from '../support/records';

const OPERATION = { cluster: 'demo', operationId: 'demo.resize.a' };
const LARGE = 'Standard_D2s_v5';
const agent = (index: number, state: NodeState = 'ready') => ({ ...nodeRecord('demo', index), state });

function worldWith(): FakeWorld {
  const world = new FakeWorld({ operation: OPERATION.operationId });
  world.addAgent(agent(1), { size: LARGE });
  world.addAgent(agent(2));
  world.addAgent(agent(3, 'parked'), { power: 'deallocated' });
  world.addAgent(agent(4, 'failed')); // replaced soon
  return world;
}

it('writes the size into model and spec once, names those that serve on another, and counts the parked', async () => {
  const world = worldWith();
  expect(await setAgentSize(world, { ...OPERATION, size: LARGE })).toMatchObject({
    ok: true,
    pollers: [expect.any(String)],
  });
  for (let times = 0; times < 2; times++)
    expect(await noteAgentSize(world, { ...OPERATION, size: LARGE })).toEqual({ vmIds: [agent(2).vmId], parked: 1 });
  expect(world.cluster.spec.agents.size).toBe(LARGE);
  expect(world.told.map(({ type, cause }) => [type, cause])).toEqual([['cluster.size', OPERATION.operationId]]);
});

it('asks nothing of Azure when agents to come have the size already', async () => {
  const world = worldWith();
  expect(await setAgentSize(world, { ...OPERATION, size: 'Standard_B2s' })).toEqual({ ok: true, pollers: [] });
  expect(world.calls).toEqual([]);
});

it('submits the template with as many agents of the size that there are, whatever the wish', async () => {
  const world = worldWith();
  const { spec } = world.cluster;
  world.changeCluster({ spec: { ...spec, agents: { ...spec.agents, count: 9, size: LARGE } } });
  const rendered: unknown[] = [];
  const renderDeployment: World['renderDeployment'] = (record) => {
    rendered.push(record.spec.agents);
    return { template: {}, parameters: {} };
  };
  expect(await resubmitDeployment({ ...world, renderDeployment }, OPERATION)).toEqual({ ok: true });
  expect(rendered).toMatchObject([{ count: 4, size: 'Standard_B2s' }]);
});
