import { Cluster } from '../support/cluster';
import { startStarling, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  // Ten times, not sixty: five hundred machines that join within one simulated minute would be this machine's limit, not Starling's.
  starling = await startStarling({ STARLING_TIME_SCALE: '10' });
}, 90_000);
afterAll(() => starling?.stop());

/** What one agent may cost in calls: nothing. What a page of a hundred may cost each time it is listed: one. */
const ARM_CALLS_OF_A_DEPLOYMENT = 150;
const ARM_CALLS_OF_A_SCALE = 90;

test('300 agents deploy and become 500, and the calls to Azure grow with the pages, not with the agents', async () => {
  const cluster = new Cluster(starling, 'large');
  const start = await armCalls();
  expect(await cluster.deploy({ agents: { count: 300, max: 1000 } })).toMatchObject({
    state: 'succeeded',
    result: { agents: { wanted: 300, came: 300 } },
  });
  const deployed = await armCalls();
  const scaled = await cluster.scale(500);
  expect(scaled).toMatchObject({ state: 'succeeded', result: { agents: { wanted: 500, came: 500 } } });
  const ended = await armCalls();
  console.log(
    `ARM calls: 300 agents deployed with ${difference(start, deployed)}; scaled to 500 with ${difference(deployed, ended)}`,
  );
  expect(sum(deployed) - sum(start)).toBeLessThan(ARM_CALLS_OF_A_DEPLOYMENT);
  expect(sum(ended) - sum(deployed)).toBeLessThan(ARM_CALLS_OF_A_SCALE);
  await cluster.settles(500);
}, 300_000);

async function armCalls(): Promise<Record<string, number>> {
  const { operations } = await starling.control<{ operations: Record<string, number> }>('GET', '/_local/requests');
  return Object.fromEntries(Object.entries(operations).filter(([name]) => !name.includes('Microsoft.KeyVault')));
}

const sum = (calls: Record<string, number>): number => Object.values(calls).reduce((total, count) => total + count, 0);

function difference(before: Record<string, number>, after: Record<string, number>): string {
  const calls = Object.entries(after).map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)]);
  const made = calls.filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  return `${sum(after) - sum(before)} (${made.map(([name, count]) => `${count} × ${name}`).join(', ')})`;
}
