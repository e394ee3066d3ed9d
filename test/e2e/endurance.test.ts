import { Cluster } from '../support/cluster';
import { startStarling, waitUntil, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling();
});
afterAll(() => starling?.stop());

const SUCCEEDED = { state: 'succeeded', error: null };

async function deployed(name: string, count: number): Promise<Cluster> {
  await waitUntil('Starling is there', () => starling !== undefined); // concurrent tests begin before beforeAll has ended
  const cluster = new Cluster(starling, name);
  expect(await cluster.deploy({ agents: { count } })).toMatchObject(SUCCEEDED);
  return cluster;
}

test.concurrent('reimaged ten times, an instance is one node in registry, Azure and engine', async () => {
  const cluster = await deployed('tenfold', 1);
  const [agent] = await cluster.agents();
  for (let times = 1; times <= 10; times++) {
    const nodes = [agent!.instanceId];
    expect(await cluster.carryOut('POST', '/reimage', { order: 'serial', nodes })).toMatchObject(SUCCEEDED);
  }
  await cluster.settles(1);
  expect(await cluster.agents()).toMatchObject([{ vmId: agent!.vmId, name: `${agent!.name}-g11`, state: 'ready' }]);
  expect(await cluster.engineNodes()).toHaveLength(2);
});

test.concurrent(
  'twenty times stopped and started, a cluster has the nodes that it had, and no other',
  async () => {
    const cluster = await deployed('cycles', 2);
    const identity = async () => (await cluster.nodes()).map(({ name, vmId }) => ({ name, vmId }));
    const before = await identity();
    for (let times = 1; times <= 20; times++) {
      expect(await cluster.carryOut('POST', '/stop', {})).toMatchObject(SUCCEEDED);
      expect((await cluster.get()).phase).toBe('stopped');
      expect(await cluster.carryOut('POST', '/start', {})).toMatchObject(SUCCEEDED);
    }
    await cluster.settles(2);
    expect(await identity()).toEqual(before);
  },
  300_000,
);

test.concurrent(
  'a disruption budget that lets nobody go is named by a reimage, and the node comes back and takes work',
  async () => {
    const cluster = await deployed('stubborn', 2);
    await waitUntil('the demo workload runs', async () => (await cluster.webPods()).length > 0);
    await starling.control('POST', '/_local/engine/stubborn/disruption-budget', { allowed: 0 });
    const id = await cluster.begin('POST', '/reimage', { order: 'serial' });
    expect((await cluster.phasesOf(id)).join('; ')).toMatch(/default\/web-\S+.*disruption budget/i);
    const operation = await starling.waitForOperation(id);
    expect(operation).toMatchObject(SUCCEEDED);
    expect(JSON.stringify(operation.result.blocked)).toMatch(/default\/web-/);
    await cluster.settles(2);
  },
);
