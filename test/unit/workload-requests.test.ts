import { getKubeconfig } from '../../functions/kubeconfig';
import { deleteWorkload, listWorkloads, putWorkload, scaleWorkload } from '../../functions/workloads';
import type { Call } from '../../functions/respond';
import { secretNames } from '../../shared/model/names';
import { AppError, refuse } from '../../shared/model/errors';
import type { EnginePort } from '../../shared/ports';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';

let world: FakeWorld;
let orchestrator: FakeOrchestrator;
beforeEach(() => {
  world = new FakeWorld();
  orchestrator = new FakeOrchestrator();
  world.secrets.set(
    secretNames('demo').engine,
    JSON.stringify({ endpoint: 'https://m0:6443', caPem: 'CA', credential: 'c' }),
  );
});

const call = <Body>(body: Body, name = 'site', query: Call['query'] = {}): Call<Body> => ({
  world,
  orchestrator,
  log: QUIET_LOG,
  params: { c: 'demo', name },
  query,
  body,
});
const apply = () => putWorkload(call({ kind: 'replicated' as const }));

/** The engine of the world, with some of its answers replaced. */
function engineThat(more: Partial<EnginePort>): void {
  const engine = { ...world.connectEngine(), ...more };
  Object.assign(world, { connectEngine: () => engine });
}

test('a workload is applied before its orchestration starts, with the operation as its mark', async () => {
  const marks: unknown[] = [];
  engineThat({
    applyWorkload: async ({ mark, shares }) => {
      marks.push(mark, [...orchestrator.states.keys()], shares);
      return { ok: true };
    },
  });
  const { status, body } = await apply();
  const { id } = body as { id: string };
  expect(status).toBe(202);
  expect(marks).toEqual([id, [], { data: '/srv/data', config: '/srv/config', registry: '/srv/registry' }]);
  expect(orchestrator.states.get(id)).toBe('running');
});

test.each([
  ['refused by the engine', async () => refuse('WORKLOAD_REFUSED', 'Pod a: no'), 'WORKLOAD_REFUSED'],
  [
    'lost on the way to the engine',
    async () => Promise.reject(new AppError('ENGINE_UNREACHABLE', 'no answer')),
    'ENGINE_UNREACHABLE',
  ],
])('a change that is %s ends its operation and lets the cluster go as it was', async (_, applyWorkload, code) => {
  engineThat({ applyWorkload });
  await expect(apply()).rejects.toMatchObject({ code });
  expect(world.cluster).toMatchObject({ operation: null, phase: 'ready' });
  const [operation] = world.operationRows.all();
  expect(operation?.record).toMatchObject({ state: 'failed', error: { code } });
  expect(orchestrator.states.size).toBe(0);
  expect(world.told.map(({ type }) => type)).toContain('operation.failed');
});

test('what a refusal repeats of the manifest is told to the caller and kept nowhere', async () => {
  const why = 'Deployment web: env[name="PASSWORD"].value: expected string, got 31337';
  for (const code of ['WORKLOAD_REFUSED', 'INVALID_REQUEST'] as const) {
    engineThat({ applyWorkload: async () => refuse(code, why) });
    await expect(apply()).rejects.toThrow(/31337/);
  }
  expect(world.operationRows.all()).toHaveLength(2);
  expect(JSON.stringify([world.operationRows.all(), world.told])).not.toMatch(/31337/);
});

test('the name of the monitor is for the monitor alone', async () => {
  await expect(putWorkload(call({ kind: 'manifest' as const, manifest: 'a' }, 'monitor'))).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    detail: { errors: [{ field: 'name' }] },
  });
});

test('a refused field is named', async () => {
  engineThat({ applyWorkload: async () => refuse('INVALID_REQUEST', 'manifest: document 1: kind is missing') });
  await expect(apply()).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    detail: { errors: [{ field: 'manifest', message: 'document 1: kind is missing' }] },
  });
});

test('nothing of it works on a stopped cluster, and nothing asks its engine', async () => {
  world.changeCluster({ phase: 'stopped' });
  for (const request of [
    () => listWorkloads(call(undefined)),
    apply,
    () => scaleWorkload(call({ replicas: 2 })),
    () => deleteWorkload(call(undefined)),
    () => getKubeconfig(call(undefined)),
  ])
    await expect(request()).rejects.toMatchObject({ code: 'CLUSTER_STOPPED' });
});

test('before a master has reported, the engine is unreachable', async () => {
  world.secrets.clear();
  await expect(listWorkloads(call(undefined))).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
});

test('a name that is none is said to be', async () => {
  await expect(putWorkload(call({ kind: 'global' as const }, 'No_Name'))).rejects.toMatchObject({
    detail: { errors: [{ field: 'name' }] },
  });
});

test('the kubeconfig begins with a master that answers', async () => {
  const endpoint = (name: string) => ({ name, fqdn: `${name}.example.net`, ports: [6443] });
  world.changeCluster({ endpoints: [endpoint('master0'), endpoint('master1')] });
  const answering = world.connectEngine();
  const silent = {
    ...answering,
    operatorToken: async () => Promise.reject(new AppError('ENGINE_UNREACHABLE', 'no answer')),
  };
  Object.assign(world, {
    connectEngine: (_: string, [{ endpoint: at }]: [{ endpoint: string }]) =>
      at.includes('master0') ? silent : answering,
  });
  const { body, headers } = await getKubeconfig(call(undefined, '', { hours: 2 }));
  expect(body).toContain('current-context: demo-master1');
  expect(body).toContain('server: https://master0.example.net:6443');
  expect(headers).toEqual({ 'cache-control': 'no-store' });
});
