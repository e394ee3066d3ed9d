import type Docker from 'dockerode';
import type { EnginePort } from '../../shared/ports';
import type { Workload, WorkloadChange } from '../../shared/model/workload';
import { swarmEngineFixture, type SwarmEngineFixture } from './engine-swarm-fixture';

/** The adapter against the simulated Engine API: workloads. Two agents, and a master that is drained. */

let fixture: SwarmEngineFixture;
let engine: EnginePort;
let docker: Docker;

beforeEach(async () => {
  fixture = await swarmEngineFixture();
  ({ engine, docker } = fixture);
  for (const name of ['agents-1', 'agents-2']) await fixture.agent(name);
});

afterEach(() => fixture.close());

const SHARES = { data: '/srv/data', registry: '/srv/registry' };
const apply = (manifest: string, more: Partial<WorkloadChange> = {}) =>
  engine.applyWorkload({ name: 'mine', kind: 'manifest', manifest, ...more });
const own = (name: string, kind: WorkloadChange['kind'], more: Partial<WorkloadChange> = {}) =>
  engine.applyWorkload({ name, kind, shares: SHARES, ...more });
const find = async (name: string): Promise<Workload | undefined> =>
  (await engine.listWorkloads()).find((workload) => workload.name === name);
const serviceNames = async (): Promise<string[]> =>
  (await docker.listServices()).map(({ Spec }) => Spec?.Name ?? '').sort();
const inspect = (name: string) => docker.getService(name).inspect();
const taskIds = async (): Promise<string[]> =>
  (await docker.listTasks({ filters: { 'desired-state': ['running'] } })).map(({ ID }) => ID).sort();
const web = (fields = ''): string => `services: { web: { image: 'example.org/web:1', ${fields} } }`;
const change = (manifest: string, mark: string): WorkloadChange => ({ name: 'mine', kind: 'manifest', manifest, mark });
const OK = { ok: true };

describe('our own kinds', () => {
  test.each([
    ['site', 'replicated', 2, [80], ['Network site_default', 'Service site_web']],
    ['everywhere', 'global', 2, [80], ['Network everywhere_default', 'Service everywhere_web']],
    ['shop', 'stack', 3, [80], ['Network shop_inner', 'Service shop_redis', 'Service shop_web']],
    ['registry', 'registry', 2, undefined, ['Service registry_registry']],
    ['monitor', 'monitor', 3, [30_000], ['Network monitor_inner', 'Service monitor_door', 'Service monitor_dozzle']],
  ] as const)('%s runs on the agents, and a repeat restarts nothing', async (name, kind, tasks, ports, objects) => {
    expect(await own(name, kind, { mark: 'one' })).toEqual(OK);
    await fixture.advance(60);
    const running = { name, kind, desired: tasks, ready: tasks, objects, problems: [] };
    expect(await find(name)).toEqual({ ...running, ...(ports && { ports }), mark: 'one' });
    const before = await taskIds();
    expect(before).toHaveLength(tasks);
    expect(await own(name, kind, { mark: 'two' })).toEqual(OK);
    await fixture.advance(60);
    expect(await taskIds()).toEqual(before);
    expect(await find(name)).toMatchObject({ ready: tasks, mark: 'two' });
  });

  test('share the one way in: the first has port 80, others any, and each keeps its own', async () => {
    await own('first', 'replicated');
    await own('second', 'replicated');
    await own('first', 'replicated', { replicas: 3 });
    expect((await find('first'))?.ports).toEqual([80]);
    expect((await find('second'))?.ports).toEqual([30000]);
  });

  test('need the share that they live on', async () => {
    expect(await own('registry', 'registry', { shares: {} })).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(await own('shop', 'stack', { shares: {} })).toEqual(OK);
    const redis = (await inspect('shop_redis')).Spec.TaskTemplate.ContainerSpec;
    expect(redis).toMatchObject({ User: '999', Mounts: [{ Type: 'volume', Source: 'shop_data' }] });
    await own('shop', 'stack');
    const shared = (await inspect('shop_redis')).Spec.TaskTemplate.ContainerSpec;
    expect(shared).toMatchObject({ User: '0', Mounts: [{ Type: 'bind', Source: '/srv/data' }] });
  });

  test('are alone under their name', async () => {
    expect(await own('other', 'registry')).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(await apply(web(), { name: 'monitor' })).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    await own('site', 'replicated');
    expect(await own('site', 'global')).toMatchObject({ ok: false, code: 'INVALID_REQUEST', message: /^kind: / });
  });

  test('the monitor has a password of its own, which a change leaves', async () => {
    await own('monitor', 'monitor');
    const password = async () => (await inspect('monitor_door')).Spec.TaskTemplate.ContainerSpec.Env;
    const before = await password();
    expect(before).toEqual([expect.stringMatching(/^MONITOR_PASSWORD=[\w-]{24}$/)]);
    await own('monitor', 'monitor', { mark: 'again' });
    expect(await password()).toEqual(before);
    expect(JSON.stringify(await engine.listWorkloads())).not.toContain(before[0].split('=')[1]);
  });
});

describe('replicas', () => {
  test('are changed where there are any, and an update then takes a quarter of them at a time', async () => {
    await own('site', 'replicated', { mark: 'one' });
    expect(await engine.scaleWorkload('site', 9)).toEqual(OK);
    await fixture.advance(30);
    expect(await find('site')).toMatchObject({ desired: 9, ready: 9, mark: 'one' });
    expect((await inspect('site_web')).Spec.UpdateConfig).toMatchObject({ Parallelism: 3, Order: 'start-first' });
    expect(await engine.scaleWorkload('site', 0)).toEqual(OK);
    await fixture.advance(30);
    expect(await find('site')).toMatchObject({ desired: 0, ready: 0 });
  });

  test('are none of a global workload, nor of one that is not there', async () => {
    await own('everywhere', 'global');
    expect(await engine.scaleWorkload('everywhere', 2)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(await engine.scaleWorkload('nothing', 2)).toMatchObject({ ok: false, code: 'WORKLOAD_NOT_FOUND' });
  });

  test('are told from a service that somebody has removed', async () => {
    await own('shop', 'stack');
    await docker.getService('shop_web').remove();
    expect(await engine.scaleWorkload('shop', 2)).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED' });
  });

  test('of a global workload follow the nodes that take work', async () => {
    await own('everywhere', 'global');
    await fixture.advance(30);
    await fixture.agent('agents-3');
    await fixture.advance(30);
    expect(await find('everywhere')).toMatchObject({ desired: 3, ready: 3 });
    fixture.swarm.stopDaemon('machine-of-agents-3');
    await engine.cordon('agents-2');
    await fixture.advance(60);
    expect(await find('everywhere')).toMatchObject({ desired: 1, ready: 1 });
  });
});

describe('a manifest', () => {
  test('that was changed drops the services that it no longer has, and only its own', async () => {
    await docker.createService({}, { Name: 'mine_theirs', TaskTemplate: { ContainerSpec: { Image: 'a/b:1' } } });
    await apply("services: { a: { image: a, ports: ['81:1'] }, b: { image: b } }", { mark: 'one' });
    expect(await serviceNames()).toEqual(['mine_a', 'mine_b', 'mine_theirs']);
    expect(await apply("services: { c: { image: c, ports: ['81:1'] }, b: { image: b } }", { mark: 'two' })).toEqual(OK);
    expect(await serviceNames()).toEqual(['mine_b', 'mine_c', 'mine_theirs']);
    expect(await find('mine')).toMatchObject({ mark: 'two' });
  });

  test('may pass a port from one of its services to another', async () => {
    await apply("services: { a: { image: a, ports: ['81:1'] }, b: { image: b } }");
    expect(await apply("services: { b: { image: b, ports: ['81:1'] }, a: { image: a } }")).toEqual(OK);
    expect((await inspect('mine_b')).Endpoint.Ports).toMatchObject([{ PublishedPort: 81 }]);
    expect((await find('mine'))?.ports).toEqual([81]);
  });

  test('keeps the networks that it has, and loses the others once nobody is on them', async () => {
    const on = (network: string) =>
      `services: { a: { image: a, networks: [${network}] } }\nnetworks: { one: {}, two: {} }`;
    await apply(on('one'));
    await fixture.advance(30);
    expect((await find('mine'))?.objects).toContain('Network mine_one');
    await apply(on('two'));
    await fixture.advance(60);
    await apply(on('two'));
    expect((await find('mine'))?.objects).toEqual(['Network mine_two', 'Service mine_a']);
  });

  test('is in its new form only once all of it runs in that form', async () => {
    await apply(web('deploy: { replicas: 2 }'));
    await fixture.advance(30);
    await apply(web('environment: { A: b }, deploy: { replicas: 2 }'));
    expect(await find('mine')).toMatchObject({ desired: 2, ready: 0 });
    await fixture.advance(6);
    expect((await find('mine'))!.ready).toBeLessThan(2);
    await fixture.advance(120);
    expect(await find('mine')).toMatchObject({ desired: 2, ready: 2 });
  });

  test('says why its tasks do not run, each reason once', async () => {
    await apply(
      `services:
        a: { image: 'example.org/broken:1', deploy: { replicas: 3 } }
        b: { image: b, deploy: { placement: { constraints: [node.labels.disk==none] } } }
        c: { image: c }`,
    );
    await fixture.advance(60);
    const found = await find('mine');
    expect(found).toMatchObject({ desired: 5, ready: 1 });
    expect(found?.problems).toEqual([
      expect.stringMatching(/^mine_a\.\d: rejected: No such image: example.org\/broken:1/),
      expect.stringMatching(/^mine_b\.1: pending: no suitable node/),
    ]);
  });

  test('whose update fails tells that Swarm has stopped it', async () => {
    await apply(web());
    await fixture.advance(30);
    await apply(web().replace('web:1', 'broken:1'));
    await fixture.advance(60);
    expect((await find('mine'))?.problems[0]).toMatch(/^mine_web: update paused due to failure/);
    expect(await find('mine')).toMatchObject({ desired: 1, ready: 0 });
  });

  test('takes no name, port or network that is somebody else’s, and changes nothing then', async () => {
    const theirs = { TaskTemplate: { ContainerSpec: { Image: 'a/b:1' } } };
    await docker.createService({}, { ...theirs, Name: 'mine_web' });
    const ports = [{ PublishedPort: 443, TargetPort: 1, Protocol: 'tcp' as const, PublishMode: 'ingress' as const }];
    await docker.createService({}, { ...theirs, Name: 'proxy', EndpointSpec: { Ports: ports } });
    for (const manifest of [web(), "services: { a: { image: a, ports: ['443:1'] } }"])
      expect(await apply(manifest)).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED' });
    expect(await serviceNames()).toEqual(['mine_web', 'proxy']);
    expect(await find('mine')).toBeUndefined();
    expect(await engine.removeWorkload('mine')).toBe(0);
    expect(await serviceNames()).toEqual(['mine_web', 'proxy']);
  });

  test('does not join a network of somebody else by its own name', async () => {
    await docker.createNetwork({ Name: 'mine_default', Driver: 'overlay' });
    expect(await apply(web())).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED', message: /mine_default/ });
    expect(await serviceNames()).toEqual([]);
  });

  test('that Swarm refuses is taken back: what was made goes, what was changed is as before', async () => {
    const first = 'services: { a: { image: a }, gone: { image: g } }';
    await apply(first, { mark: 'one' });
    await fixture.advance(30);
    const before = (await inspect('mine_a')).Spec;
    const second = `services:
      a: { image: 'a:2', networks: [extra] }
      b: { image: b, networks: [extra] }
      c: { image: 'Not An Image' }
networks: { extra: {} }`;
    const refused = await apply(second, { mark: 'two' });
    expect(refused).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED', message: /^service mine_c: ContainerSpec: / });
    expect(await serviceNames()).toEqual(['mine_a', 'mine_gone']);
    expect((await inspect('mine_a')).Spec).toEqual(before);
    await fixture.advance(60);
    expect(await find('mine')).toMatchObject({ mark: 'one', desired: 2, ready: 2, problems: [] });
  });

  test('that turns a service from replicated to global, or rebuilds a network, is refused before anything', async () => {
    await apply(web());
    expect(await apply(web('deploy: { mode: global }'))).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED' });
    const attachable = `${web()}\nnetworks: { default: { attachable: true } }`;
    expect(await apply(attachable)).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED', message: /mine_default/ });
  });

  test('leaves what rebalancing and its opt-out have written', async () => {
    await apply(web());
    const { ID, Version, Spec } = await inspect('mine_web');
    const Labels = { ...Spec.Labels, 'starling.rebalance': 'never' };
    const TaskTemplate = { ...Spec.TaskTemplate, ForceUpdate: 7 };
    await docker
      .getService(ID)
      .update({ _query: { version: Version.Index }, _body: { ...Spec, Labels, TaskTemplate } });
    await apply(web(), { mark: 'two' });
    expect((await inspect('mine_web')).Spec).toMatchObject({
      Labels: { 'starling.rebalance': 'never', 'starling.mark': 'two' },
      TaskTemplate: { ForceUpdate: 7 },
    });
  });
});

describe('a change that breaks off', () => {
  const two = 'services: { a: { image: a }, b: { image: b } }';

  test('is told by its mark, and can be made again', async () => {
    await apply(two, { mark: 'one' });
    await docker.getService('mine_b').remove();
    expect(await find('mine')).not.toHaveProperty('mark');
    expect(await apply(two, { mark: 'two' })).toEqual(OK);
    expect(await find('mine')).toMatchObject({ mark: 'two' });
  });

  test.each([
    ['making', (one: EnginePort) => one.applyWorkload(change(two, 'two')), 3],
    ['changing', (one: EnginePort) => one.applyWorkload(change(two.replace('image: a', "image: 'a:2'"), 'two')), 3],
    ['scaling', (one: EnginePort) => one.scaleWorkload('site', 3), 2],
    ['removing', (one: EnginePort) => one.removeWorkload('mine'), 0],
  ])('because an answer was lost goes on with the next master: %s', async (what, act, left) => {
    await fixture.master(1);
    if (what !== 'making') await engine.applyWorkload(change(two, 'one'));
    if (what === 'scaling') await own('site', 'replicated', { mark: 'two' });
    fixture.loseNextAnswer();
    await act(fixture.engineOf(0, 1));
    const found = await find(what === 'scaling' ? 'site' : 'mine');
    expect(found?.objects ?? []).toHaveLength(left);
    expect(found?.mark).toBe(what === 'removing' ? undefined : 'two');
  });
});

describe('a removal', () => {
  test('takes services, then networks, leaves others alone, and a repeat is harmless', async () => {
    await own('shop', 'stack');
    await apply(web());
    await fixture.advance(30);
    expect(await engine.removeWorkload('shop')).toBeGreaterThan(0);
    expect(await find('shop')).toMatchObject({ kind: 'stack', desired: 0, ready: 0, objects: ['Network shop_inner'] });
    await fixture.advance(60);
    expect(await engine.removeWorkload('shop')).toBe(0);
    expect(await engine.removeWorkload('shop')).toBe(0);
    expect((await engine.listWorkloads()).map(({ name }) => name)).toEqual(['mine']);
    expect(await find('mine')).toMatchObject({ ready: 1 });
  });

  test('does not wait for a machine that does not answer', async () => {
    await own('everywhere', 'global');
    await fixture.advance(30);
    fixture.swarm.stopDaemon('machine-of-agents-1');
    await fixture.advance(60);
    await engine.removeWorkload('everywhere');
    await fixture.advance(60);
    expect(await engine.removeWorkload('everywhere')).toBe(0);
    expect(await engine.listWorkloads()).toEqual([]);
  });
});
