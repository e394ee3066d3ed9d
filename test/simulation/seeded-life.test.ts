import { Cluster, remainsOf } from '../support/cluster';
import { seededChoices } from '../support/seeded-choices';
import { startStarling, waitUntil, type Answer, type Operation, type Starling } from '../support/starling';
import { ACCIDENTS } from './accidents';
import type { Life } from './life';
import { HINDRANCES, INTERRUPTIONS } from './troubles';
import { start, VERBS, type Wish } from './verbs';

/**
 * The whole app lives through accidents, and through operations under which something goes wrong, all drawn from a seed;
 * after each the invariants of design §6 must hold again. Odd seeds are clusters of k3s, even ones of Docker Swarm. More lives:
 * SIMULATION_SEEDS="3 4 5" npm test -- test/simulation
 */
const SEEDS = (process.env['SIMULATION_SEEDS'] ?? '1 2').split(/\s+/).map(Number);
const STEPS = 7;

let starling: Starling;
afterEach(() => starling?.stop());

test.each(SEEDS)(
  'life %i: after every accident registry, Azure and engine agree again, and nothing remains in the end',
  async (seed) => {
    starling = await startStarling({ LOCAL_AZURE_SEED: String(seed) });
    const cluster = new Cluster(starling, `life-${seed}`);
    const choices = seededChoices(seed);
    const engine = seed % 2 === 1 ? 'k3s' : 'swarm';
    const life: Life = { starling, cluster, choices, engine, masters: choices.oneOf([1, 3]), wish: 3 };
    expect(await cluster.deploy({ engine, masters: { count: life.masters } })).toMatchObject({
      state: 'succeeded',
      error: null,
    });
    for (let step = 1; step <= STEPS; step++) {
      await live(life, `life ${seed}, step ${step}`);
      await cluster.settles(life.wish);
      await invariantsHold(life);
    }
    expect(await cluster.destroy()).toMatchObject({ state: 'succeeded', error: null });
    expect(await remainsOf(starling, cluster.name)).toEqual([]);
  },
  400_000,
);

/** Two operations for every accident: there is more in them that can go wrong. */
async function live(life: Life, step: string): Promise<void> {
  const { choices } = life;
  if (choices.between(1, 3) === 1) {
    const accident = choices.oneOf(Object.keys(ACCIDENTS));
    console.log(`${step}: ${accident}`);
    return ACCIDENTS[accident]!(life);
  }
  const verb = choices.oneOf(Object.keys(VERBS));
  const wish = await VERBS[verb]!(life);
  await carryOut(life, `${step}: ${verb}`, wish);
  if ((await life.cluster.get()).phase !== 'stopped') return;
  await staysOff(life);
  await carryOut(life, `${step}: start of everything`, await start(life));
}

async function carryOut(life: Life, step: string, { request, agents = life.wish }: Wish): Promise<void> {
  const { starling, cluster, choices } = life;
  const hindrance = choices.oneOf(Object.keys(HINDRANCES));
  const interruption = choices.oneOf(Object.keys(INTERRUPTIONS));
  console.log(`${step} ${hindrance} ${interruption}: ${request.map((part) => JSON.stringify(part)).join(' ')}`);
  await HINDRANCES[hindrance]!(life);
  const id = await accepted(life, request);
  await INTERRUPTIONS[interruption]!.happens(life, id);
  const { state, error } = await starling.waitForOperation(id);
  if (state === 'succeeded' || !INTERRUPTIONS[interruption]!.mayFail) {
    expect({ state, error }).toEqual({ state: 'succeeded', error: null });
    life.wish = agents;
  } else {
    console.log(`${step} ${state}: ${error?.message}`);
    life.wish = (await cluster.get()).agents.desired;
  }
}

/** What Azure has to be asked first is asked again, as the answer says, when Azure does not answer now. */
async function accepted({ starling, cluster }: Life, [method, path, body]: Wish['request']): Promise<string> {
  let answer: Answer<Operation> | undefined;
  await waitUntil('Azure answers', async () => {
    answer = await starling.request<Operation>(method, cluster.path + path, body);
    return answer.status !== 503;
  });
  expect(answer).toMatchObject({ status: 202 });
  return answer!.body.id;
}

/** No machine of a stopped cluster is on, and the registry says so of each. */
async function staysOff({ cluster }: Life): Promise<void> {
  const [nodes, vms] = [await cluster.nodes(), await cluster.vms()];
  expect(nodes.map(({ vmId }) => vmId).sort()).toEqual(vms.map(({ vmId }) => vmId).sort());
  expect(nodes.filter(({ state }) => state !== 'parked')).toEqual([]);
  expect(vms.filter(({ power }) => power === 'running')).toEqual([]);
}

/** Those that `settles` does not see: every state has its event, names are never reused, every operation has ended. */
async function invariantsHold({ starling, cluster }: Life): Promise<void> {
  const [nodes, events] = [await cluster.nodes(), await cluster.events()];
  for (const node of nodes) {
    const known = events.filter(({ subject, type }) => subject === node.name && type.startsWith('node.'));
    expect(known.map(({ type }) => type)).toContain(`node.${node.state}`);
    expect(known.map(({ type }) => type)).not.toContain('node.gone');
    expect(known.every(({ cause }) => cause !== '')).toBe(true);
  }
  expect(new Set(nodes.map(({ name }) => name)).size).toBe(nodes.length);
  for (const { subject } of events.filter(({ type }) => type === 'operation.started')) {
    const { body } = await starling.request<Operation>('GET', `/api/operations/${subject}`);
    expect(body.state).not.toBe('running');
  }
}
