import { Cluster, type EngineNode } from '../support/cluster';
import { startStarling, waitUntil, type Json, type Operation, type Starling } from '../support/starling';

const NEXT = 'v1.36.3+k3s1';
const AGENTS = 2;

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling();
});
afterAll(() => starling?.stop());

/** One verb on a cluster of its own, the middle of it, and what must have come of it as if nothing had been killed. */
interface Row {
  verb: string;
  name: string;
  request: [path: string, body: object];
  middle: RegExp;
  becomes: (cluster: Cluster, before: string[], operation: Operation) => Promise<void>;
}

const ROWS: Row[] = [
  {
    verb: 'upgrade',
    name: 'newer',
    request: ['/upgrade', { version: NEXT }],
    middle: /upgrading (master0|agents)|draining/,
    becomes: async (cluster) => {
      expect((await cluster.get()).spec.version).toBe(NEXT);
      expect(new Set((await cluster.engineNodes()).map(({ version }) => version))).toEqual(new Set([NEXT]));
      await cluster.settles(AGENTS);
    },
  },
  {
    verb: 'chaos',
    name: 'struck',
    request: ['/chaos', { action: 'delete', count: 1 }],
    middle: /waiting for recovery/,
    becomes: async (cluster, before, { id, result }) => {
      expect(result).toMatchObject({ verdict: 'passed' });
      const { runs } = (await starling.request('GET', `${cluster.path}/chaos`)).body;
      const [victim] = runs.find((run: Json) => run.id === id).victims;
      expect(await agentsOf(cluster)).toEqual(
        expect.arrayContaining(before.filter((name) => name !== victim.nodeName)),
      );
      expect(await agentsOf(cluster)).not.toContain(victim.nodeName);
      await cluster.settles(AGENTS);
    },
  },
  {
    verb: 'reimage',
    name: 'fresh',
    request: ['/reimage', { order: 'serial' }],
    middle: /reimaging agents|draining/,
    becomes: async (cluster, before) => {
      expect(await agentsOf(cluster)).toEqual(before.map((name) => `${name}-g2`)); // renewed once, not twice
      await cluster.settles(AGENTS);
    },
  },
  {
    verb: 'stop',
    name: 'asleep',
    request: ['/stop', {}],
    middle: /stopping masters|waiting until/,
    becomes: async (cluster, before) => {
      expect(await cluster.get()).toMatchObject({ phase: 'stopped', operation: null, agents: { desired: AGENTS } });
      expect((await cluster.nodes()).every(({ state }) => state === 'parked')).toBe(true);
      expect((await cluster.vms()).every(({ power }) => power === 'deallocated')).toBe(true);
      expect(await cluster.carryOut('POST', '/start', {})).toMatchObject({ state: 'succeeded' });
      expect(await agentsOf(cluster)).toEqual(before);
      await cluster.settles(AGENTS);
    },
  },
];

const agentsOf = async (cluster: Cluster): Promise<string[]> => (await cluster.agents()).map(({ name }) => name).sort();
const clusterOf = ({ name }: { name: string }): Cluster => new Cluster(starling, name);
const operationOf = async (id: string): Promise<Operation> =>
  (await starling.request<Operation>('GET', `/api/operations/${id}`)).body;
const killAndRestart = async (): Promise<void> => {
  await starling.kill9();
  await starling.restart();
};

/** An operation may be further by the time it is looked at: then the kill comes a little later than meant. */
const isUnderWay = (id: string, { verb, middle }: Row): Promise<void> =>
  waitUntil(`${verb} is in its middle`, async () => {
    const { state, phase } = await operationOf(id);
    return state !== 'running' || middle.test(phase);
  });

/** Chaos leaves alone what is younger than ten minutes. */
const isOldEnough = (cluster: Cluster): Promise<void> =>
  waitUntil(`${cluster.name} has agents for chaos`, async () => {
    const { body } = await starling.request('POST', `${cluster.path}/chaos?whatIf=true`, { count: AGENTS });
    return body.would.length > AGENTS;
  });

/** One story, since a kill is a kill for all: the tests afterwards look at one cluster each. */
describe('kill -9 of everything in the middle of each, and a start on the same state', () => {
  const before = new Map<string, string[]>();
  const begun = new Map<string, string>();
  beforeAll(async () => {
    await Promise.all(
      ROWS.map(async (row) => {
        const cluster = clusterOf(row);
        expect(await cluster.deploy({ agents: { count: AGENTS } })).toMatchObject({ state: 'succeeded' });
        before.set(row.name, await agentsOf(cluster));
      }),
    );
    await isOldEnough(new Cluster(starling, 'struck'));
    for (const row of ROWS) begun.set(row.name, await clusterOf(row).begin('POST', ...row.request));
    await killAndRestart(); // also before anything has happened
    for (const row of ROWS) {
      await isUnderWay(begun.get(row.name)!, row);
      await killAndRestart();
    }
  });

  test.each(ROWS)('$verb ends as without', async (row) => {
    const operation = await starling.waitForOperation(begun.get(row.name)!);
    expect(operation).toMatchObject({ state: 'succeeded', error: null });
    await row.becomes(clusterOf(row), before.get(row.name)!, operation);
  });
});

test('a restart of all that is cancelled halfway, and killed while it stops, leaves nobody cordoned', async () => {
  const cluster = new Cluster(starling, 'fresh');
  const boots = new Map((await cluster.engineNodes()).map(({ name, bootId }) => [name, bootId]));
  const id = await cluster.begin('POST', '/restart', {});
  await waitUntil('an agent is away', async () => (await cluster.engineNodes()).some((node) => node.unschedulable));
  await starling.request('DELETE', `/api/operations/${id}`);
  await killAndRestart();
  expect(await starling.waitForOperation(id)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
  const nodes = await cluster.engineNodes();
  expect(nodes.filter((node) => node.unschedulable)).toEqual([]);
  const isRestarted = ({ name, bootId }: EngineNode): boolean => boots.get(name) !== bootId;
  expect(nodes.filter(isRestarted).length).toBeLessThan(AGENTS);
  await cluster.settles(AGENTS);
});
