import { Cluster, remainsOf, type Node } from '../support/cluster';
import { seededChoices, type Choices } from '../support/seeded-choices';
import { startStarling, waitUntil, type Operation, type Starling } from '../support/starling';

/**
 * The whole app lives through accidents drawn from a seed; after each the invariants of design §6 must hold again. More
 * lives: SIMULATION_SEEDS="3 4 5" npm test -- test/simulation
 */
const SEEDS = (process.env['SIMULATION_SEEDS'] ?? '1 2').split(/\s+/).map(Number);
const STEPS = 8;
const LEAST_AGENTS = 1;
const MOST_AGENTS = 6;

interface Life {
  starling: Starling;
  cluster: Cluster;
  choices: Choices;
  wish: number;
}

type Accident = (life: Life) => Promise<void>;

/** Each leaves the wish as it is, or says what it is from then on. */
const ACCIDENTS: Record<string, Accident> = {
  'a scale': async (life) => {
    life.wish = life.choices.between(LEAST_AGENTS, MOST_AGENTS);
    expect(await life.cluster.scale(life.wish)).toMatchObject({ state: 'succeeded', error: null });
  },
  'a scale that the process does not survive': async (life) => {
    life.wish = life.choices.between(LEAST_AGENTS, MOST_AGENTS);
    const id = await life.cluster.begin('POST', '/scale', { agents: life.wish });
    await life.starling.kill9();
    await life.starling.restart();
    expect(await life.starling.waitForOperation(id)).toMatchObject({ state: 'succeeded', error: null });
  },
  'a crash': (life) => disturbOne(life, 'crash'),
  'an eviction': (life) => disturbOne(life, 'evict'),
  'a machine that vanishes': (life) => disturbOne(life, 'vanish'),
  'a change from outside': async ({ starling, cluster, choices }) => {
    const capacity = choices.between(LEAST_AGENTS, MOST_AGENTS);
    await starling.control('POST', `/_local/scale-sets/${cluster.name}`, { capacity });
  },
  'unreliable events': async ({ starling, choices }) => {
    const mode = choices.oneOf(['normal', 'duplicate', 'reorder', 'drop']);
    await starling.control('POST', '/_local/events', { mode, dropFraction: 0.5 });
  },
  'a throttled Azure': ({ starling, choices }) =>
    starling.control('POST', '/_local/faults', {
      match: { path: 'Microsoft.Compute' },
      times: choices.between(1, 4),
      ...choices.oneOf([
        { status: 429, code: 'TooManyRequests', retryAfterSeconds: 5 },
        { status: 503 },
        { dropConnection: true },
      ]),
    }),
  'a sudden end': async ({ starling }) => {
    await starling.kill9();
    await starling.restart();
  },
};

/** An eviction comes half a minute after its notice; what follows would otherwise look at a cluster that is still whole. */
async function disturbOne({ cluster, choices }: Life, deed: 'crash' | 'evict' | 'vanish'): Promise<void> {
  const agents: Node[] = (await cluster.agents()).filter(({ state }) => state === 'ready');
  const { instanceId, vmId } = choices.oneOf(agents);
  await cluster.disturb(instanceId, deed);
  await waitUntil(
    'the machine is down',
    async () => !(await cluster.vms()).some((vm) => vm.vmId === vmId && vm.power === 'running'),
  );
}

let starling: Starling;
afterEach(() => starling?.stop());

test.each(SEEDS)(
  'life %i: after every accident registry, Azure and engine agree again, and nothing remains in the end',
  async (seed) => {
    starling = await startStarling({ LOCAL_AZURE_SEED: String(seed) });
    const cluster = new Cluster(starling, `life-${seed}`);
    const life: Life = { starling, cluster, choices: seededChoices(seed), wish: 3 };
    expect(await cluster.deploy()).toMatchObject({ state: 'succeeded', error: null });
    for (let step = 1; step <= STEPS; step++) {
      const name = life.choices.oneOf(Object.keys(ACCIDENTS));
      console.log(`life ${seed}, step ${step}: ${name}`);
      await ACCIDENTS[name]?.(life);
      await cluster.settles(life.wish);
      await invariantsHold(life);
    }
    expect(await cluster.destroy()).toMatchObject({ state: 'succeeded', error: null });
    expect(await remainsOf(starling, cluster.name)).toEqual([]);
  },
  400_000,
);

/** Those that `settles` does not see: every state has its event, names are never reused, every operation has ended. */
async function invariantsHold({ starling, cluster }: Life): Promise<void> {
  const [nodes, events] = [await cluster.nodes(), await cluster.events()];
  for (const node of nodes) {
    const known = events.filter(({ subject, type }) => subject === node.name && type.startsWith('node.'));
    expect(known.map(({ type }) => type)).toContain(`node.${node.state}`);
    expect(known.every(({ cause }) => cause !== '')).toBe(true);
  }
  expect(new Set(nodes.map(({ name }) => name)).size).toBe(nodes.length);
  for (const { subject } of events.filter(({ type }) => type === 'operation.started')) {
    const { body } = await starling.request<Operation>('GET', `/api/operations/${subject}`);
    expect(body.state).not.toBe('running');
  }
}
