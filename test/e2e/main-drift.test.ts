import { Cluster } from '../support/cluster';
import { startStarling, waitUntil, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling();
});
afterAll(() => starling?.stop());

async function deployed(name: string, spec: object): Promise<Cluster> {
  await waitUntil('Starling is there', () => starling !== undefined); // concurrent tests begin before beforeAll has ended
  const cluster = new Cluster(starling, name);
  expect(await cluster.deploy(spec)).toMatchObject({ state: 'succeeded' });
  return cluster;
}

describe('a capacity that somebody changed outside Starling', () => {
  const changeOutside = (cluster: Cluster, capacity: number) =>
    starling.control('POST', `/_local/scale-sets/${cluster.name}`, { capacity });

  test.concurrent.each([5, 2])('is undone under drift revert, from 3 to %i', async (capacity) => {
    const cluster = await deployed(`revert-${capacity}`, { drift: 'revert' });
    await changeOutside(cluster, capacity);
    await waitUntil(
      'Azure works on it',
      async () => (await cluster.vms()).length !== 4 || hasDeleting(await cluster.vms()),
    );
    await cluster.settles(3);
    expect((await cluster.get()).spec.agents.count).toBe(3);
  });

  test.concurrent.each([5, 2])('becomes the wish under drift adopt, from 3 to %i', async (capacity) => {
    const cluster = await deployed(`adopt-${capacity}`, { drift: 'adopt' });
    await changeOutside(cluster, capacity);
    await cluster.settles(capacity);
    expect((await cluster.get()).spec.agents.count).toBe(capacity);
    await cluster.hasEvent(cluster.name, 'cluster.desired');
  });
});

const hasDeleting = (vms: { provisioningState: string }[]): boolean =>
  vms.some(({ provisioningState }) => provisioningState === 'Deleting');

/** Not beside the others: one of theirs might be the one that never joins. */
test('an agent that never joins ends the scale with how many came, and is replaced later', async () => {
  const cluster = await deployed('never', {});
  await starling.control('POST', '/_local/boot-failures', { count: 1, kind: 'never-joins' });
  const operation = await cluster.scale(5);
  expect(operation).toMatchObject({
    state: 'failed',
    error: { code: 'NEVER_JOINED', message: expect.stringMatching(/^4 of 5 agents/) },
    result: { agents: { wanted: 5, came: 4 } },
  });
  expect(await cluster.get()).toMatchObject({ phase: 'degraded', spec: { agents: { count: 5 } } });
  const lost = (await cluster.agents()).find(({ state }) => state !== 'ready');
  await cluster.hasEvent(lost!.name, 'node.gone');
  await cluster.settles(5);
});
