import { parse } from 'yaml';
import { Cluster } from '../support/cluster';
import { addressesOf, send } from '../support/http';
import { startStarling, type Json, type Operation, type Starling } from '../support/starling';

/** What an operator runs on a cluster: every kind from request to pods and back, and work that moves to new agents. */

let starling: Starling;
let cluster: Cluster;
beforeAll(async () => {
  starling = await startStarling();
  cluster = new Cluster(starling, 'works');
  expect(await cluster.deploy({ agents: { count: 2 } })).toMatchObject({ state: 'succeeded' });
}, 120_000);
afterAll(() => starling?.stop());

const put = (name: string, body: object): Promise<Operation> => cluster.carryOut('PUT', `/workloads/${name}`, body);
const answer = (method: string, path: string, body?: object) => starling.request(method, cluster.path + path, body);
const list = async (): Promise<Json[]> => (await answer('GET', '/workloads')).body.workloads;
const find = async (name: string): Promise<Json> => (await list()).find((workload) => workload.name === name);
const remove = (name: string): Promise<Operation> => cluster.carryOut('DELETE', `/workloads/${name}`);
const pods = async (): Promise<string[]> => (await cluster.engineNodes()).flatMap((node) => node.pods);

const configMap = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: value\n`;
/** Only on agents: one of two pods is then on whichever agent goes. */
const AWAY_FROM_MASTERS = `
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions: [{ key: node-role.kubernetes.io/control-plane, operator: DoesNotExist }]`;
const deployment = (name: string, more: { image?: string } = {}): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: 2
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:${AWAY_FROM_MASTERS}
      containers:
        - name: ${name}
          image: ${more.image ?? 'example.org/app:1'}
          resources: { requests: { cpu: 10m } }
`;

test('every kind runs, is listed, comes again unchanged, and leaves nothing', async () => {
  const kinds = [
    { name: 'monitor', kind: 'monitor', pods: 1, has: 'Ingress starling-monitor/monitor' },
    { name: 'site', kind: 'replicated', pods: 2, has: 'PodDisruptionBudget starling-site/web' },
    { name: 'everywhere', kind: 'global', pods: 3, has: 'DaemonSet starling-everywhere/web' },
    { name: 'shop', kind: 'stack', pods: 3, has: 'Deployment starling-shop/redis' },
    { name: 'registry', kind: 'registry', pods: 3, has: 'NetworkPolicy starling-registry/registry' },
  ];
  for (const { name, kind, pods: wanted, has } of kinds) {
    expect(await put(name, { kind })).toMatchObject({
      state: 'succeeded',
      result: { replicas: { desired: wanted, ready: wanted } },
    });
    const workload = await find(name);
    expect(workload).toMatchObject({ kind, desired: wanted, ready: wanted, problems: [] });
    expect(workload.objects).toContain(has);
  }
  const before = (await pods()).sort();
  expect(await put('shop', { kind: 'stack' })).toMatchObject({ state: 'succeeded' });
  expect((await pods()).sort()).toEqual(before);
  for (const { name } of kinds) expect(await remove(name)).toMatchObject({ state: 'succeeded' });
  expect(await list()).toEqual([]);
  expect((await pods()).every((pod) => /^(web-[a-z0-9]+-|node-agent-)/.test(pod))).toBe(true); // only what was there before
  expect(await cluster.get()).toMatchObject({ phase: 'ready', operation: null });
}, 60_000);

test('a number of replicas is changed where there is one, and nowhere else', async () => {
  await put('site', { kind: 'replicated', replicas: 1 });
  const scaled = await cluster.carryOut('POST', '/workloads/site/scale', { replicas: 3 });
  expect(scaled).toMatchObject({ state: 'succeeded', result: { replicas: { desired: 3, ready: 3 } } });
  await put('everywhere', { kind: 'global' });
  expect(await answer('POST', '/workloads/everywhere/scale', { replicas: 3 })).toMatchObject({
    status: 400,
    body: { code: 'INVALID_REQUEST', errors: [{ field: 'replicas' }] },
  });
  expect(await answer('POST', '/workloads/nothing/scale', { replicas: 3 })).toMatchObject({
    status: 404,
    body: { code: 'WORKLOAD_NOT_FOUND' },
  });
  await remove('everywhere');
}, 30_000);

test('a preview changes nothing', async () => {
  const before = await list();
  for (const [method, path, body] of [
    ['PUT', '/workloads/shop?whatIf=true', { kind: 'stack' }],
    ['POST', '/workloads/site/scale?whatIf=true', { replicas: 9 }],
    ['DELETE', '/workloads/site?whatIf=true', undefined],
  ] as const)
    expect(await answer(method, path, body)).toMatchObject({ status: 200, body: { whatIf: true, verb: 'workload' } });
  expect(await list()).toEqual(before);
});

test('an own manifest is applied, and what a change leaves out goes', async () => {
  const both = `${configMap('settings')}---${deployment('app')}`;
  expect(await put('mine', { kind: 'manifest', manifest: both })).toMatchObject({
    state: 'succeeded',
    result: { replicas: { desired: 2, ready: 2 } },
  });
  expect((await find('mine')).objects).toEqual(['ConfigMap starling-mine/settings', 'Deployment starling-mine/app']);
  await put('mine', {
    kind: 'manifest',
    manifest: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'key' },
      stringData: { password: 'pass-word-42' },
    }),
  });
  expect(await find('mine')).toMatchObject({ objects: ['Secret starling-mine/key'], desired: 0 });
  const operations = await answer('GET', '/operations');
  expect(JSON.stringify(operations.body)).not.toContain('pass-word-42');
  await remove('mine');
}, 30_000);

test.each([
  ['broken YAML', 'kind: [', /document 1/],
  ['no kind', 'apiVersion: v1\nmetadata: { name: a }', /document 1 .*kind is missing/],
  ['no name', `${configMap('a')}---\napiVersion: v1\nkind: Secret\n`, /document 2 .*Secret has no metadata.name/],
  ['a kind beyond a workload', 'apiVersion: v1\nkind: Node\nmetadata: { name: a }', /Node of v1 is not among/],
  ['a foreign namespace', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: kube-system }', /kube-system/],
  ['too many objects', Array.from({ length: 101 }, (_, index) => configMap(`c${index}`)).join('---\n'), /101 objects/],
  ['nothing', '# only a comment', /no object/],
])('a manifest with %s is refused with document and reason, and nothing is made of it', async (_, manifest, why) => {
  const refused = await answer('PUT', '/workloads/bad', { kind: 'manifest', manifest });
  expect(refused).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST', errors: [{ field: 'manifest' }] } });
  expect(refused.body.detail).toMatch(why);
  expect(await find('bad')).toBeUndefined();
  expect(await cluster.get()).toMatchObject({ operation: null });
});

test('what the engine refuses is told in its words, and nothing of it stays', async () => {
  const mismatched = deployment('app').replace('labels: { app: app }', 'labels: { app: other }');
  const manifest = `${configMap('settings')}---${mismatched}`;
  const refused = await answer('PUT', '/workloads/bad', { kind: 'manifest', manifest });
  expect(refused).toMatchObject({ status: 409, body: { code: 'WORKLOAD_REFUSED' } });
  expect(refused.body.detail).toMatch(/^Deployment app: .*selector/);
  const [operation] = (await answer('GET', '/operations')).body.operations;
  expect(operation).toMatchObject({ verb: 'workload', state: 'failed', error: { code: 'WORKLOAD_REFUSED' } });
  expect(await find('bad')).toBeUndefined();
});

test('pods that cannot run fail the operation at its deadline, with the reason', async () => {
  const id = await cluster.begin('PUT', '/workloads/bad', {
    kind: 'manifest',
    manifest: deployment('app', { image: 'example.org/broken:1' }),
  });
  const failed = await starling.waitForOperation(id);
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'DEADLINE_EXCEEDED' } });
  expect(failed.error?.message).toMatch(/0 of 2 replicas run .*ImagePullBackOff: .*example.org\/broken:1/);
  expect(await cluster.get()).toMatchObject({ phase: 'ready' });
  await remove('bad');
}, 60_000);

test('a budget that forbids it holds up a drain, which names the pod', async () => {
  const budget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: app }
spec: { maxUnavailable: 0, selector: { matchLabels: { app: app } } }
`;
  await put('kept', { kind: 'manifest', manifest: `${deployment('app')}---${budget}` });
  const shrunk = await cluster.scale(1);
  expect(JSON.stringify(shrunk)).toMatch(/starling-kept\/app-\S+: The disruption budget app does not allow/);
  await remove('kept');
}, 90_000);

test('after agents were added, rebalancing spreads what runs over them', async () => {
  await put('even', {
    kind: 'manifest',
    manifest: deployment('app').replace('replicas: 2', 'replicas: 6'),
  });
  await cluster.scale(3);
  const rebalanced = await cluster.carryOut('POST', '/rebalance', {});
  expect(rebalanced.state).toBe('succeeded');
  expect(rebalanced.result.restarted).toContain('starling-even/app');
  const counts = (await cluster.engineNodes())
    .filter(({ name }) => name.startsWith('agents'))
    .map((node) => node.pods.filter((pod) => pod.startsWith('app-')).length);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  const again = await cluster.carryOut('POST', '/rebalance', {});
  expect(again.result.restarted).not.toContain('starling-even/app');
  await remove('even');
}, 60_000);

test('a kubeconfig gives a token that ends, over the CA of the cluster, and is kept by nobody', async () => {
  const { key } = addressesOf(starling);
  const { status, headers, contentType, text } = await send(starling, 'GET', `${cluster.path}/kubeconfig?hours=2`, {
    key,
  });
  expect(status).toBe(200);
  expect(contentType).toMatch(/^application\/yaml/);
  expect(headers.get('cache-control')).toBe('no-store');
  const config = parse(text);
  expect(config['current-context']).toBe('works-master0');
  expect(config.clusters[0].cluster.server).toMatch(/^https:\/\/.*\.cloudapp\.azure\.com:6443$/);
  expect(Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString()).toContain(
    'BEGIN CERTIFICATE',
  );
  expect(starling.output()).not.toContain(config.users[0].user.token);
});
