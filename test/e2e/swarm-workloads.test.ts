import { Cluster } from '../support/cluster';
import { startStarling, type Json, type Operation, type Starling } from '../support/starling';

/** What an operator runs on a swarm: every kind from request to tasks and back, and Compose files of one's own. */

let starling: Starling;
let cluster: Cluster;
beforeAll(async () => {
  starling = await startStarling();
  cluster = new Cluster(starling, 'works');
  expect(await cluster.deploy({ engine: 'swarm', agents: { count: 2 } })).toMatchObject({ state: 'succeeded' });
}, 120_000);
afterAll(() => starling?.stop());

const put = (name: string, body: object): Promise<Operation> => cluster.carryOut('PUT', `/workloads/${name}`, body);
const answer = (method: string, path: string, body?: object) => starling.request(method, cluster.path + path, body);
const list = async (): Promise<Json[]> => (await answer('GET', '/workloads')).body.workloads;
const find = async (name: string): Promise<Json> => (await list()).find((workload) => workload.name === name);
const remove = (name: string): Promise<Operation> => cluster.carryOut('DELETE', `/workloads/${name}`);
const tasks = async (): Promise<string[]> => (await cluster.engineNodes()).flatMap((node) => node.pods);

test('every kind runs, is listed, comes again unchanged, and leaves nothing', async () => {
  const atFirst = await tasks();
  const kinds = [
    { name: 'monitor', kind: 'monitor', tasks: 3, has: 'Service monitor_dozzle', ports: [expect.any(Number)] },
    { name: 'site', kind: 'replicated', tasks: 2, has: 'Network site_default', ports: [80] },
    { name: 'everywhere', kind: 'global', tasks: 2, has: 'Service everywhere_web', ports: [expect.any(Number)] },
    { name: 'shop', kind: 'stack', tasks: 3, has: 'Service shop_redis', ports: [expect.any(Number)] },
    { name: 'registry', kind: 'registry', tasks: 2, has: 'Service registry_registry', ports: undefined },
  ];
  for (const { name, kind, tasks: wanted, has, ports } of kinds) {
    expect(await put(name, { kind })).toMatchObject({
      state: 'succeeded',
      result: { replicas: { desired: wanted, ready: wanted } },
    });
    const workload = await find(name);
    expect(workload).toMatchObject({ kind, desired: wanted, ready: wanted, problems: [] });
    expect(workload.ports).toEqual(ports);
    expect(workload.objects).toContain(has);
  }
  const before = (await tasks()).sort();
  expect(await put('shop', { kind: 'stack' })).toMatchObject({ state: 'succeeded' });
  expect((await tasks()).sort()).toEqual(before);
  for (const { name } of kinds) expect(await remove(name)).toMatchObject({ state: 'succeeded' });
  expect(await list()).toEqual([]);
  expect((await tasks()).sort()).toEqual(atFirst.sort());
  expect(await cluster.get()).toMatchObject({ phase: 'ready', operation: null });
}, 90_000);

test('a preview names the stack, and changes nothing', async () => {
  await put('site', { kind: 'replicated', replicas: 1 });
  const before = await list();
  const would = async (method: string, path: string, body?: object) =>
    (await answer(method, `${path}?whatIf=true`, body)).body.would;
  expect(await would('PUT', '/workloads/shop', { kind: 'stack' })).toEqual([
    'make the workload shop (stack) in the stack shop',
  ]);
  expect(await would('DELETE', '/workloads/site')).toEqual([
    'delete the stack site with 2 objects and all that is in it',
  ]);
  expect(await list()).toEqual(before);
  const scaled = await cluster.carryOut('POST', '/workloads/site/scale', { replicas: 4 });
  expect(scaled).toMatchObject({ state: 'succeeded', result: { replicas: { desired: 4, ready: 4 } } });
  await remove('site');
}, 60_000);

test('a Compose file is applied, what a change leaves out goes, and nothing of it is kept', async () => {
  const manifest = `services:
  web: { image: 'example.org/web:1', deploy: { replicas: 2 }, environment: { PASSWORD: pass-word-42 } }
  extra: { image: 'example.org/extra:1' }`;
  expect(await put('mine', { kind: 'manifest', manifest })).toMatchObject({
    state: 'succeeded',
    result: { replicas: { desired: 3, ready: 3 } },
  });
  await put('mine', { kind: 'manifest', manifest: "services: { web: { image: 'example.org/web:2' } }" });
  expect(await find('mine')).toMatchObject({
    objects: ['Network mine_default', 'Service mine_web'],
    desired: 1,
    ready: 1,
  });
  expect(JSON.stringify((await answer('GET', '/operations')).body)).not.toContain('pass-word-42');
  await remove('mine');
}, 60_000);

test('what is no such file is refused by its place, what Swarm refuses in its words, and nothing stays', async () => {
  const privileged = "services: { web: { image: 'a:1', privileged: true } }";
  const mistaken = await answer('PUT', '/workloads/bad', { kind: 'manifest', manifest: privileged });
  expect(mistaken).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST', errors: [{ field: 'manifest' }] } });
  expect(mistaken.body.detail).toMatch(/services\.web\.privileged is not understood/);
  const impossible = "services: { a: { image: 'a:1' }, b: { image: 'Not:An:Image' } }";
  const refused = await answer('PUT', '/workloads/bad', { kind: 'manifest', manifest: impossible });
  expect(refused).toMatchObject({ status: 409, body: { code: 'WORKLOAD_REFUSED' } });
  expect(refused.body.detail).toMatch(/^service bad_b: /);
  expect(await find('bad')).toBeUndefined();
  expect(await cluster.get()).toMatchObject({ operation: null });
});

test('tasks that cannot run fail the operation at its deadline, with the reason', async () => {
  const manifest = "services: { web: { image: 'example.org/broken:1', deploy: { replicas: 2 } } }";
  const failed = await starling.waitForOperation(
    await cluster.begin('PUT', '/workloads/bad', { kind: 'manifest', manifest }),
  );
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'DEADLINE_EXCEEDED' } });
  expect(failed.error?.message).toMatch(/0 of 2 replicas run .*No such image: .*example.org\/broken:1/);
  await remove('bad');
}, 90_000);
