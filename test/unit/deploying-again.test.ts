import { prepareCluster, submitDeployment } from '../../orchestrations/activities/deployment';
import type { World } from '../../shared/ports';
import { FakeWorld } from '../support/fake-world';
import { clusterRecord, nodeRecord } from '../support/records';

const { spec } = clusterRecord();
const OPERATION = { cluster: 'demo', operationId: 'demo.deploy.a' };

it.each([
  [2, 1],
  [3, undefined],
  [5, undefined],
])('a deploy anew to %i of 3 agents names %p as too many, so that they are drained first', async (count, surplus) => {
  const agents = { ...spec.agents, count };
  const world = new FakeWorld({ operation: OPERATION.operationId, phase: 'deploying', spec: { ...spec, agents } });
  for (const index of [1, 2, 3]) world.addAgent({ ...nodeRecord('demo', index), state: 'ready' });
  const prepared = await prepareCluster(world, OPERATION);
  expect(prepared).toMatchObject({ ok: true });
  expect(prepared.ok && prepared.surplus?.length).toBe(surplus);
});

it('a deploy anew asks for the agents that are parked as well: Azure would delete as many, whichever it likes', async () => {
  const agents = { ...spec.agents, count: 1 };
  const world = new FakeWorld({ operation: OPERATION.operationId, phase: 'deploying', spec: { ...spec, agents } });
  world.addAgent({ ...nodeRecord('demo', 1), state: 'ready' });
  world.addAgent({ ...nodeRecord('demo', 2), state: 'parked' }, { power: 'deallocated' });
  const rendered: number[] = [];
  const renderDeployment: World['renderDeployment'] = (record) => {
    rendered.push(record.spec.agents.count);
    return { template: {}, parameters: {} };
  };
  await submitDeployment({ ...world, renderDeployment }, OPERATION);
  expect(rendered).toEqual([2]);
  expect(world.cluster.spec.agents.count).toBe(1);
});
