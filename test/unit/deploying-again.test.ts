import { prepareCluster } from '../../orchestrations/activities/deployment';
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
