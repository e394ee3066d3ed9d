import { Cluster } from '../support/cluster';
import { startStarling, type Starling } from '../support/starling';

let starling: Starling;
let cluster: Cluster;
beforeAll(async () => {
  starling = await startStarling();
  cluster = new Cluster(starling, 'storm');
  expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' });
});
afterAll(() => starling?.stop());
afterEach(() => starling.control('DELETE', '/_local/faults'));

const SCALE_SET = '/virtualMachineScaleSets/agents';

/** One after the other on the same cluster: up to 5, then down to 3 under the same fault. */
test.each([
  ['throttled with Retry-After', { match: { path: SCALE_SET }, status: 429, retryAfterSeconds: 5, times: 6 }],
  ['answered with 500', { match: { path: SCALE_SET }, status: 500, times: 6 }],
  ['answered with 503', { match: { path: 'providers/Microsoft.Compute' }, status: 503, times: 6 }],
  ['cut off', { match: { path: SCALE_SET }, dropConnection: true, times: 6 }],
  ['slow', { match: { path: SCALE_SET }, delayMs: 8_000, times: 6 }],
])('a scale completes although Azure is %s', async (_, fault) => {
  for (const agents of [5, 3]) {
    await starling.control('POST', '/_local/faults', fault);
    expect(await cluster.scale(agents)).toMatchObject({ state: 'succeeded', result: { agents: { came: agents } } });
    await cluster.settles(agents);
  }
  await allHaveStruck();
});

test.each([
  ['grows', 'PATCH', 5],
  ['shrinks', 'POST', 3],
])('a scale that %s completes although its own %s is cut off, then throttled', async (_, method, agents) => {
  const match = { method, path: SCALE_SET };
  await starling.control('POST', '/_local/faults', { match, dropConnection: true, times: 2 });
  await starling.control('POST', '/_local/faults', { match, status: 429, retryAfterSeconds: 10, times: 2 });
  expect(await cluster.scale(agents)).toMatchObject({ state: 'succeeded', result: { agents: { came: agents } } });
  await cluster.settles(agents);
  await allHaveStruck();
});

async function allHaveStruck(): Promise<void> {
  const { faults } = await starling.control('GET', '/_local/faults');
  expect(faults).toEqual([]);
}
