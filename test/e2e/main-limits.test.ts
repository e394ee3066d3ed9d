import { Cluster, remainsOf } from '../support/cluster';
import { startStarling, waitUntil, type Starling } from '../support/starling';

describe('a subscription with a quota of 12 cores', () => {
  let starling: Starling;
  beforeAll(async () => {
    starling = await startStarling({ LOCAL_AZURE_QUOTA_CORES: '12' });
  });
  afterAll(() => starling?.stop());

  test('a deploy beyond it is refused before anything is made', async () => {
    const cluster = new Cluster(starling, 'greedy');
    const operation = await cluster.deploy({ agents: { count: 6 } }); // 7 machines of 2 cores
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'QUOTA_EXCEEDED' } });
    expect(operation.error?.message).toMatch(/14|cores/);
    expect(await remainsOf(starling, 'greedy')).toEqual([]);
    expect(await cluster.get()).toMatchObject({ phase: 'failed', operation: null });
    expect(await cluster.destroy()).toMatchObject({ state: 'succeeded' });
  });

  test('a scale beyond it fails, says how many came, and leaves the cluster usable', async () => {
    const cluster = new Cluster(starling, 'modest');
    expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' }); // 4 machines, 8 cores
    const operation = await cluster.scale(8);
    expect(operation).toMatchObject({
      state: 'failed',
      error: { code: 'QUOTA_EXCEEDED', message: expect.stringContaining('3 of 8 agents came') },
      result: { agents: { wanted: 8, came: 3 } },
    });
    expect(msOf(operation)).toBeLessThan(60_000);
    await cluster.settles(3);
    expect(await cluster.scale(5)).toMatchObject({ state: 'succeeded' }); // exactly what the quota allows
    await cluster.settles(5);
  });
});

describe('a region without room', () => {
  let starling: Starling;
  beforeAll(async () => {
    starling = await startStarling();
  });
  afterAll(() => starling?.stop());

  test('a scale says within 60 simulated seconds of Azure knowing it how many came, and the cluster stays usable', async () => {
    const cluster = new Cluster(starling, 'full');
    expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' });
    await starling.control('POST', '/_local/capacity', { available: 1 });
    const known = azureKnows(starling, 'full');
    const operation = await cluster.scale(6);
    expect(operation).toMatchObject({
      state: 'failed',
      error: { code: 'CAPACITY_UNAVAILABLE', message: expect.stringContaining('4 of 6 agents came') },
      result: { agents: { wanted: 6, came: 4 } },
    });
    expect(Date.parse(operation.endedAt!) - (await known)).toBeLessThan(60_000);
    await cluster.settles(4);
    await starling.control('POST', '/_local/capacity', {});
    expect(await cluster.scale(5)).toMatchObject({ state: 'succeeded' });
    await cluster.settles(5);
    expect(await cluster.destroy()).toMatchObject({ state: 'succeeded' });
  });

  test('a deploy says so too, and a destroy clears away what came', async () => {
    await starling.control('POST', '/_local/capacity', { available: 2 });
    const cluster = new Cluster(starling, 'half');
    const operation = await cluster.deploy();
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'CAPACITY_UNAVAILABLE' } });
    expect(operation.error?.message).toMatch(/\d of 3 agents came/);
    await starling.control('POST', '/_local/capacity', {});
    expect(await cluster.destroy()).toMatchObject({ state: 'succeeded' });
    expect(await remainsOf(starling, 'half')).toEqual([]);
  });
});

const msOf = ({ startedAt, endedAt }: { startedAt: string; endedAt: string | null }): number =>
  Date.parse(endedAt!) - Date.parse(startedAt);

/** Watches the scale set; resolves to the last simulated moment at which Azure did not yet say that it has failed. */
async function azureKnows(starling: Starling, cluster: string): Promise<number> {
  let notYetAt = 0;
  await waitUntil(`the scale set of ${cluster} has failed`, async () => {
    const { clock, resources } = await starling.control('GET', '/_local/state');
    const scaleSet = resources.find(({ id }: { id: string }) =>
      id.endsWith(`/${cluster}-compute/providers/Microsoft.Compute/virtualMachineScaleSets/agents`),
    );
    if (scaleSet?.properties.provisioningState === 'Failed') return true;
    notYetAt = Date.parse(clock.now);
    return false;
  });
  return notYetAt;
}
