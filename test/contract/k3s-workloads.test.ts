import { KubeConfig, CoreV1Api } from '@kubernetes/client-node';
import type { VirtualClock } from '../../local/clock';
import type { K3s } from '../../local/engines/k3s/k3s';
import { connectApi } from '../../shared/engines/k3s/connection';
import type { EngineAccess, EnginePort } from '../../shared/ports';
import { engineFixture, type EngineFixture } from './engine-fixture';
import { codeOf, serverStart } from './k3s-fixture';

/** The adapter against the simulated API with the rights that masters really give: workloads, quorum, spread, operators. */

let fixture: EngineFixture;
let clock: VirtualClock;
let k3s: K3s;
let access: EngineAccess;
let engine: EnginePort;
/** As an operator with a kubeconfig. */
let operator: CoreV1Api;

beforeEach(async () => {
  fixture = await engineFixture();
  ({ clock, k3s, access, engine } = fixture);
  operator = clientWith((await engine.operatorToken(3_600_000)).token);
});
afterEach(() => fixture.close());

const clientWith = (token: string): CoreV1Api => {
  const config = new KubeConfig();
  const { endpoint: server, caPem } = access;
  config.loadFromClusterAndUser(
    { name: 'c', server, caData: Buffer.from(caPem).toString('base64'), skipTLSVerify: false },
    { name: 'u', token },
  );
  return config.makeApiClient(CoreV1Api);
};

const joinServer = (index: number) => k3s.joinServer(serverStart(index), 'https://10.0.0.4:6443');
const configMap = (name: string, data: object) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const apply = (manifest: string, more = {}) =>
  engine.applyWorkload({ name: 'mine', kind: 'manifest', manifest, ...more });
const read = async (name: string) =>
  (await operator.readNamespacedConfigMap({ name, namespace: 'starling-mine' })).data;

describe('a member of etcd', () => {
  test('is removed on request, while the others keep the quorum', async () => {
    for (const index of [1, 2]) {
      expect(await joinServer(index)).toMatchObject({ ok: true });
      await clock.advance(10_000);
    }
    expect(await engine.removeMember('master2')).toBe('pending');
    await clock.advance(5_000);
    expect(await engine.removeMember('master2')).toBe('removed');
    expect(await engine.removeMember('master2')).toBe('removed');
    expect(k3s.startServer(serverStart(2).fqdn)).toBe(false); // it has a tombstone
    expect(await engine.removeMember('nobody')).toBe('absent');
  });

  test('stays when it is the only voter', async () => {
    for (let look = 0; look < 3; look += 1) {
      expect(await engine.removeMember('master0')).toBe('pending');
      await clock.advance(10_000);
    }
    expect(await engine.listNodes()).toHaveLength(1);
  });
});

describe('work that waits', () => {
  test('is counted, and not what waits for its own machine', async () => {
    expect(await engine.countPending()).toBe(6); // the demo workload stays off masters
    k3s.joinAgent({
      ...serverStart(5),
      serverUrl: 'https://10.0.0.4:6443',
      nodeName: 'a1',
      role: 'agent',
      token: 'node:server-secret',
    });
    k3s.joinAgent({
      ...serverStart(6),
      serverUrl: 'https://10.0.0.4:6443',
      nodeName: 'a2',
      role: 'agent',
      token: 'node:server-secret',
    });
    await clock.advance(60_000);
    expect(await engine.countPending()).toBe(0);
  });
});

describe('a manifest', () => {
  test('is applied: what is left out of an object goes, what others set stays', async () => {
    expect(await apply(configMap('a', { one: '1', two: '2' }))).toEqual({ ok: true });
    await operator.patchNamespacedConfigMap({
      name: 'a',
      namespace: 'starling-mine',
      body: [{ op: 'add', path: '/data/theirs', value: '3' }],
    });
    expect(await apply(configMap('a', { one: '1' }))).toEqual({ ok: true });
    expect(await read('a')).toEqual({ one: '1', theirs: '3' });
  });

  test('that was changed drops the objects that it no longer has, and only those of its own', async () => {
    await apply(`${configMap('a', {})}\n---\n${configMap('b', {})}`);
    await operator.createNamespacedConfigMap({ namespace: 'starling-mine', body: { metadata: { name: 'theirs' } } });
    await apply(configMap('b', {}));
    expect(await codeOf(read('a'))).toBe(404);
    expect(await codeOf(read('b'))).toBe(200);
    expect(await codeOf(read('theirs'))).toBe(200);
    expect((await engine.listWorkloads())[0]).toMatchObject({ objects: ['ConfigMap starling-mine/b'] });
  });

  test('that the engine refuses leaves the former one as it was, mark included', async () => {
    await apply(configMap('a', { one: '1' }), { mark: 'first' });
    const bad = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'Bad_Name' },
      spec: { ports: [{ port: 1 }] },
    });
    const refused = await apply(`${configMap('a', { one: '2' })}\n---\n${bad}`, { mark: 'second' });
    expect(refused).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED', message: /^Service Bad_Name: / });
    expect(await read('a')).toEqual({ one: '1' });
    expect((await engine.listWorkloads())[0]).toMatchObject({ mark: 'first', objects: ['ConfigMap starling-mine/a'] });
  });

  test('that does not fit the schema is refused as well, although the engine calls that a fault of its own', async () => {
    const containers = [{ name: 'web', image: 'a/b:1', env: [{ name: 'PASSWORD', value: 31337 }] }];
    const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers } });
    expect(await apply(pod)).toMatchObject({
      ok: false,
      code: 'WORKLOAD_REFUSED',
      message: expect.stringMatching(/^Pod web: .*env\[name="PASSWORD"\]\.value: expected string/),
    });
  });

  test('takes no namespace that is somebody else’s, and no other kind under its name', async () => {
    await operator.createNamespace({ body: { metadata: { name: 'starling-theirs' } } });
    const taken = { name: 'theirs', kind: 'manifest' as const, manifest: configMap('a', {}) };
    expect(await engine.applyWorkload(taken)).toMatchObject({ ok: false, code: 'WORKLOAD_REFUSED' });
    expect(await engine.removeWorkload('theirs')).toBe(0);
    expect(await codeOf(operator.readNamespace({ name: 'starling-theirs' }))).toBe(200);
    await apply(configMap('a', {}));
    expect(await engine.applyWorkload({ name: 'mine', kind: 'global' })).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('is gone with everything when it is removed, and a repeat is harmless', async () => {
    await apply(configMap('a', {}));
    expect(await engine.removeWorkload('mine')).toBeGreaterThan(0);
    await clock.advance(60_000);
    expect(await engine.removeWorkload('mine')).toBe(0);
    expect(await engine.listWorkloads()).toEqual([]);
  });
});

describe('rights', () => {
  const secret = (name: string, type = 'Opaque') => ({ metadata: { name }, type });

  test('of Starling end at the namespaces of workloads', async () => {
    const starling = connectApi(access);
    const body = { metadata: { name: 'a' } };
    expect(await codeOf(starling.core.createNamespacedConfigMap({ namespace: 'default', body }))).toBe(422);
    expect(await codeOf(starling.core.createNamespace({ body: { metadata: { name: 'other' } } }))).toBe(422);
    expect(await codeOf(starling.core.listNamespacedSecret({ namespace: 'starling' }))).toBe(403);
    const patch = { name: 'starling', namespace: 'starling', body: [] };
    expect(await codeOf(starling.core.patchNamespacedSecret(patch))).toBe(422);
    const scaled = [{ op: 'replace', path: '/spec/replicas', value: 0 }];
    expect(
      await codeOf(starling.apps.patchNamespacedDeployment({ name: 'web', namespace: 'default', body: scaled })),
    ).toBe(422);
    await apply(configMap('a', {}));
    const namespace = 'starling-mine';
    expect(await codeOf(starling.core.createNamespacedSecret({ namespace, body: secret('mine') }))).toBe(200);
    const token = secret('token', 'kubernetes.io/service-account-token');
    expect(await codeOf(starling.core.createNamespacedSecret({ namespace, body: token }))).toBe(422);
  });

  /** What would make Starling, or whoever it runs, an administrator: no kind of these is written, and no pod beside the account. */
  test.each([
    ['rbac.authorization.k8s.io/v1', 'roles'],
    ['rbac.authorization.k8s.io/v1', 'rolebindings'],
    ['admissionregistration.k8s.io/v1', 'validatingadmissionpolicies'],
    ['admissionregistration.k8s.io/v1', 'validatingadmissionpolicybindings'],
    ['helm.cattle.io/v1', 'helmcharts'],
  ])('of Starling do not reach %s %s, wherever they are', async (apiVersion, plural) => {
    const { plain } = connectApi(access);
    for (const namespace of ['kube-system', 'starling', 'starling-mine']) {
      const path = `/apis/${apiVersion}/namespaces/${namespace}/${plural}/a`;
      const object = { apiVersion, kind: 'Role', metadata: { name: 'a', namespace } };
      expect([403, 404]).toContain(await codeOf(plain.apply(path, object)));
      expect([403, 404]).toContain(await codeOf(plain.remove(path)));
    }
  });

  test.each(['starling', 'kube-system', 'default'])(
    'of Starling run no pod in %s, whose accounts may more',
    async (namespace) => {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'a', namespace },
        spec: { serviceAccountName: 'starling-operator', containers: [{ name: 'a', image: 'a/b:1' }] },
      };
      const { plain } = connectApi(access);
      expect(await codeOf(plain.apply(`/api/v1/namespaces/${namespace}/pods/a`, pod))).toBe(422);
      const apart = JSON.stringify({ ...pod, metadata: { name: 'a', namespace } });
      expect(await apply(apart)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    },
  );

  test('of Starling make tokens of the operators’ account and of no other', async () => {
    const { core } = connectApi(access);
    const body = { spec: { audiences: [] } };
    const ask = (namespace: string, name: string) =>
      codeOf(core.createNamespacedServiceAccountToken({ namespace, name, body }));
    expect(await ask('starling', 'starling-operator')).toBe(200);
    expect(await ask('starling', 'starling')).toBe(403);
    expect(await ask('kube-system', 'default')).toBe(403);
  });

  test('of an operator are the administrator’s, for as long as was asked', async () => {
    expect(await codeOf(operator.listNamespacedSecret({ namespace: 'kube-system' }))).toBe(200);
    const { token, expiresAt } = await engine.operatorToken(3_600_000);
    expect(Date.parse(expiresAt)).toBe(clock.now() + 3_600_000);
    await clock.advance(3_600_001);
    expect(await codeOf(clientWith(token).listNamespace())).toBe(401);
  });
});
