import { Cluster } from '../support/cluster';
import { startStarling, waitUntil, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  // Five simulated seconds are half a second here: what a busy machine needs for a step must not be taken for the product's.
  starling = await startStarling({ STARLING_TIME_SCALE: '10' });
});
afterAll(() => starling?.stop());

const SUCCEEDED = { state: 'succeeded', error: null };

describe('a disruption budget that lets nobody go', () => {
  const DRAIN_DEADLINE_MS = 5 * 60_000;
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(starling, 'stubborn');
    expect(await cluster.deploy({ agents: { count: 2 } })).toMatchObject(SUCCEEDED);
    await waitUntil('the demo workload runs', async () => (await cluster.webPods()).length > 0);
    await starling.control('POST', '/_local/engine/stubborn/disruption-budget', { allowed: 0 });
  });

  test('is named by a removal, which keeps its deadline to within five simulated seconds', async () => {
    const since = (await cluster.events()).at(-1)!.at;
    const id = await cluster.begin('POST', '/scale', { agents: 1 });
    const phases = (await cluster.phasesOf(id)).join('; ');
    expect(phases).toMatch(/default\/web-\S+.*disruption budget/i);
    const operation = await starling.waitForOperation(id);
    expect(operation).toMatchObject(SUCCEEDED);
    expect(JSON.stringify(operation.result.blocked)).toMatch(/default\/web-/);
    const events = await cluster.events(since);
    const at = (type: string): number => Date.parse(events.find((event) => event.type === type)!.at);
    const took = at('node.leaving') - at('node.draining');
    expect(took).toBeGreaterThanOrEqual(DRAIN_DEADLINE_MS);
    expect(took).toBeLessThanOrEqual(DRAIN_DEADLINE_MS + 5_000);
    await cluster.settles(1);
  });
});
