import { Cluster, remainsOf, SPEC } from '../support/cluster';
import { startStarling, waitUntil, type Operation, type Starling } from '../support/starling';
import { THROUGH_NPM } from '../support/starling-process';

let starling: Starling;
let cluster: Cluster;
beforeAll(async () => {
  starling = await startStarling();
  cluster = new Cluster(starling, 'phoenix');
});
afterAll(() => starling?.stop());

const phaseOf = async (id: string): Promise<string> =>
  (await starling.request<Operation>('GET', `/api/operations/${id}`)).body.phase;
const COURSE = [
  ['starting', 'looking at the cluster', 'adding agents', 'waiting for agents', 'succeeded'],
  [
    'starting',
    'checking quota and names',
    'deploying resources',
    'waiting for masters',
    'waiting for agents',
    'succeeded',
  ],
];
/** A phase may be over before it was seen: then the kill comes a little later than meant. */
const reaches = (id: string, wanted: string): Promise<void> =>
  waitUntil(`${id} is ${wanted}`, async () => {
    const phase = await phaseOf(id);
    return COURSE.some((course) => course.indexOf(phase) >= course.indexOf(wanted) && course.includes(wanted));
  });
const killAndRestart = async (): Promise<void> => {
  await starling.kill9();
  await starling.restart();
};

/** One story: each test takes the cluster over from the one before. */
describe('kill -9 of everything, and a start on the same state', () => {
  test.each(['starting', 'deploying resources', 'waiting for agents'])(
    'while a deploy is %s: it completes',
    async (phase) => {
      const fresh = new Cluster(starling, `fresh-${phase.split(' ')[0]}`);
      const id = await fresh.begin('PUT', '', SPEC);
      await reaches(id, phase);
      await killAndRestart();
      expect(await starling.waitForOperation(id)).toMatchObject({ state: 'succeeded' });
      await fresh.settles(3);
      expect(await fresh.destroy()).toMatchObject({ state: 'succeeded' });
      expect(await remainsOf(starling, fresh.name)).toEqual([]);
    },
  );

  test.each(['looking at the cluster', 'adding agents', 'waiting for agents'])(
    'while a scale to 5 is %s: it completes',
    async (phase) => {
      if ((await starling.request('GET', cluster.path)).status === 404)
        expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' });
      else expect(await cluster.scale(3)).toMatchObject({ state: 'succeeded' });
      const id = await cluster.begin('POST', '/scale', { agents: 5 });
      await reaches(id, phase);
      await killAndRestart();
      expect(await starling.waitForOperation(id)).toMatchObject({ state: 'succeeded' });
      await cluster.settles(5);
    },
  );

  test('while a scale drains: it completes', async () => {
    const id = await cluster.begin('POST', '/scale', { agents: 2 });
    await waitUntil('an agent leaves', async () =>
      (await cluster.nodes()).some(({ state }) => /draining|leaving/.test(state)),
    );
    await killAndRestart();
    expect(await starling.waitForOperation(id)).toMatchObject({ state: 'succeeded' });
    await cluster.settles(2);
  });

  test('twice within one scale: it completes', async () => {
    const id = await cluster.begin('POST', '/scale', { agents: 4 });
    await killAndRestart();
    await killAndRestart();
    expect(await starling.waitForOperation(id)).toMatchObject({ state: 'succeeded' });
    await cluster.settles(4);
  });

  test('while a destroy runs: it completes and leaves nothing', async () => {
    const id = await cluster.begin('DELETE', '');
    await killAndRestart();
    expect(await starling.waitForOperation(id)).toMatchObject({
      state: 'succeeded',
      result: { certificate: { cluster: 'phoenix' } },
    });
    expect(await remainsOf(starling, 'phoenix')).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  test('ends cleanly with exit code 0 and no child left, also during a deploy, and the next start goes on', async () => {
    const id = await new Cluster(starling, 'patient').begin('PUT', '', SPEC);
    expect(starling.children().length).toBeGreaterThan(0);
    expect(await starling.interrupt()).toBe(0);
    expect(starling.children()).toEqual([]);
    await starling.restart();
    expect(await starling.waitForOperation(id)).toMatchObject({ state: 'succeeded' });
    await new Cluster(starling, 'patient').settles(3);
  });

  test('kill -9 of npm, which started it, leaves nothing running and nothing lost', async () => {
    expect(await starling.interrupt()).toBe(0);
    await starling.restart(THROUGH_NPM);
    expect(starling.children().length).toBeGreaterThan(1);
    await starling.kill9();
    await starling.restart();
    await new Cluster(starling, 'patient').settles(3);
  });

  test('the death of what it cannot do without ends it with a word why, and the next start goes on', async () => {
    for (const pid of starling.children()) process.kill(pid, 'SIGKILL');
    await waitUntil(
      'it has ended',
      async () => (await starling.request('GET', '/api/health').catch(() => undefined)) === undefined,
    );
    await waitUntil('it has said why', async () =>
      starling.output().includes('Azurite, which holds the tables, has died.'),
    );
    await starling.restart();
    await new Cluster(starling, 'patient').settles(3);
  });

  test('while one runs, a second one on the same state is refused and told what to do', async () => {
    const { exitCode, output } = await starling.startSecond();
    expect(output).toContain(
      'is in use by another Starling. Stop it, or choose another folder with STARLING_STATE_DIR.',
    );
    expect(exitCode).toBe(2);
    expect((await starling.request('GET', '/api/health')).status).toBe(200);
  });
});
