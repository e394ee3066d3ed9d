import { PatchStrategy, setHeaderOptions, type V1Node } from '@kubernetes/client-node';
import { codeOf, k3sFixture, type K3sFixture } from './k3s-fixture';

/** The real client against the simulated Kubernetes API, over TLS with the cluster's own CA. */
describe('the k3s API', () => {
  let k3s: K3sFixture;
  beforeEach(async () => {
    k3s = await k3sFixture();
  });
  afterEach(() => k3s.close());

  const join = async (...names: string[]): Promise<void> => {
    for (const name of names) {
      const outcome = k3s.k3s.joinAgent(k3s.agent(name));
      if (!outcome.ok) throw new Error(outcome.message);
      await k3s.clock.advance(1_000);
    }
    await k3s.clock.advance(10_000);
  };
  const ready = (node: V1Node): string | undefined =>
    node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const podsOn = async (nodeName: string) =>
    (await k3s.api.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${nodeName}` })).items;
  const webPods = async () =>
    (await k3s.api.listNamespacedPod({ namespace: 'default', labelSelector: 'app=web' })).items;
  const evict = (name: string) =>
    k3s.api.createNamespacedPodEviction({
      name,
      namespace: 'default',
      body: { metadata: { name, namespace: 'default' } },
    });
  const budget = (allowed: number | null) =>
    k3s.k3s.control({
      method: 'POST',
      url: new URL('http://127.0.0.1/_local/engine/blue/disruption-budget'),
      headers: {},
      body: JSON.stringify({ allowed }),
    });

  it('answers 401 to a wrong bearer token', async () => {
    expect(await codeOf(k3s.apiWith('wrong').listNode())).toBe(401);
  });

  it('lists nodes in pages that together are the whole list', async () => {
    await join('a1', 'a2', 'a3', 'a4');
    const names: string[] = [];
    let next: string | undefined;
    do {
      const answer = await k3s.api.listNode({ limit: 2, _continue: next });
      expect(answer.items.length).toBeLessThanOrEqual(2);
      names.push(...answer.items.map((node) => node.metadata?.name ?? ''));
      next = answer.metadata?._continue;
    } while (next);
    expect(names).toEqual(['a1', 'a2', 'a3', 'a4', 'master0']);
  });

  it('answers 410 when a list is continued after the history was compacted', async () => {
    await join('a1', 'a2');
    const first = await k3s.api.listNode({ limit: 1 });
    await k3s.clock.advance(6 * 60_000);
    expect(await codeOf(k3s.api.listNode({ limit: 1, _continue: first.metadata?._continue }))).toBe(410);
  });

  it('selects nodes by label', async () => {
    await join('a1');
    const agents = await k3s.api.listNode({ labelSelector: 'starling.dev/role=agent' });
    expect(agents.items.map((node) => node.metadata?.name)).toEqual(['a1']);
    const masters = await k3s.api.listNode({ labelSelector: 'node-role.kubernetes.io/control-plane' });
    expect(masters.items.map((node) => node.metadata?.name)).toEqual(['master0']);
  });

  it.each([PatchStrategy.MergePatch, PatchStrategy.StrategicMergePatch])('cordons a node with %s', async (strategy) => {
    await join('a1');
    const before = await k3s.api.readNode({ name: 'a1' });
    const patch = { name: 'a1', body: { spec: { unschedulable: true } } };
    const after = await k3s.api.patchNode(patch, setHeaderOptions('Content-Type', strategy));
    expect(after.spec?.unschedulable).toBe(true);
    expect(after.spec?.podCIDR).toBe(before.spec?.podCIDR);
    expect(Number(after.metadata?.resourceVersion)).toBeGreaterThan(Number(before.metadata?.resourceVersion));
  });

  it('cordons a node with a JSON patch', async () => {
    await join('a1');
    const body = [{ op: 'add', path: '/spec/unschedulable', value: true }];
    expect((await k3s.api.patchNode({ name: 'a1', body })).spec?.unschedulable).toBe(true);
  });

  it('refuses to change the provider id of a node', async () => {
    await join('a1');
    const patch = { name: 'a1', body: { spec: { providerID: 'azure:///other' } } };
    expect(await codeOf(k3s.api.patchNode(patch, setHeaderOptions('Content-Type', PatchStrategy.MergePatch)))).toBe(
      422,
    );
  });

  it('deletes a node only when its uid and resourceVersion are the expected ones', async () => {
    await join('a1');
    const node = await k3s.api.readNode({ name: 'a1' });
    const { uid, resourceVersion } = node.metadata ?? {};
    const withUid = (wanted: string) => k3s.api.deleteNode({ name: 'a1', body: { preconditions: { uid: wanted } } });
    const withVersion = { name: 'a1', body: { preconditions: { uid, resourceVersion: '1' } } };
    expect(await codeOf(withUid('another'))).toBe(409);
    expect(await codeOf(k3s.api.deleteNode(withVersion))).toBe(409);
    expect(await codeOf(k3s.api.deleteNode({ name: 'a1', body: { preconditions: { uid, resourceVersion } } }))).toBe(
      200,
    );
    expect(await codeOf(k3s.api.readNode({ name: 'a1' }))).toBe(404);
    expect(await codeOf(withUid(uid ?? ''))).toBe(404);
  });

  it('moves an evicted pod to another ready node', async () => {
    await join('a1', 'a2', 'a3');
    const patch = { name: 'a1', body: { spec: { unschedulable: true } } };
    await k3s.api.patchNode(patch, setHeaderOptions('Content-Type', PatchStrategy.MergePatch));
    const victims = (await podsOn('a1')).filter((pod) => pod.metadata?.ownerReferences?.[0]?.kind !== 'DaemonSet');
    expect(victims.length).toBeGreaterThan(0);
    for (const pod of victims) await evict(pod.metadata?.name ?? '');
    const during = await podsOn('a1');
    expect(during.filter((pod) => pod.metadata?.deletionTimestamp)).toHaveLength(victims.length);
    await k3s.clock.advance(15_000);
    expect((await podsOn('a1')).map((pod) => pod.metadata?.ownerReferences?.[0]?.kind)).toEqual(['DaemonSet']);
    const moved = await webPods();
    expect(moved.map((pod) => pod.status?.phase)).toEqual(Array(6).fill('Running'));
    expect(moved.every((pod) => pod.spec?.nodeName !== 'a1')).toBe(true);
  });

  it('answers 429 with the cause to an eviction that the disruption budget forbids', async () => {
    await join('a1', 'a2');
    await budget(1);
    const [first, second] = await webPods();
    await evict(first?.metadata?.name ?? '');
    const refused = await evict(second?.metadata?.name ?? '').catch(
      (error: unknown) => error as { code: number; body: string },
    );
    expect(refused).toMatchObject({ code: 429 });
    const status = JSON.parse((refused as { body: string }).body) as { message: string; details: { causes: object[] } };
    expect(status.message).toBe("Cannot evict pod as it would violate the pod's disruption budget.");
    expect(status.details.causes).toEqual([expect.objectContaining({ reason: 'DisruptionBudget' })]);
    await k3s.clock.advance(15_000);
    expect(await codeOf(evict(second?.metadata?.name ?? ''))).toBe(200);
    await budget(null);
  });

  it('answers 404 to the eviction of a pod that is gone', async () => {
    expect(await codeOf(evict('web-gone'))).toBe(404);
  });

  it('keeps bootstrap tokens as Secrets and refuses a second one of the same name', async () => {
    const create = () => k3s.api.createNamespacedSecret({ namespace: 'kube-system', body: bootstrapToken('abcdef') });
    const created = await create();
    expect(created.data?.['token-id']).toBe(Buffer.from('abcdef').toString('base64'));
    expect(await codeOf(create())).toBe(409);
    const target = { namespace: 'kube-system', name: 'bootstrap-token-abcdef' };
    expect(await codeOf(k3s.api.deleteNamespacedSecret(target))).toBe(200);
    expect(await codeOf(k3s.api.deleteNamespacedSecret(target))).toBe(404);
  });

  it('refuses every other Secret in kube-system by admission policy', async () => {
    const body = { metadata: { name: 'stolen' }, type: 'kubernetes.io/service-account-token' };
    expect(await codeOf(k3s.api.createNamespacedSecret({ namespace: 'kube-system', body }))).toBe(422);
    const immortal = bootstrapToken('abcdef', '');
    expect(await codeOf(k3s.api.createNamespacedSecret({ namespace: 'kube-system', body: immortal }))).toBe(422);
  });

  it('lets the password of a node be deleted, so that its name is free at once', async () => {
    await join('a1');
    await k3s.api.deleteNode({ name: 'a1' });
    const target = { namespace: 'kube-system', name: 'a1.node-password.k3s' };
    expect(await codeOf(k3s.api.deleteNamespacedSecret(target))).toBe(200);
    expect(k3s.k3s.joinAgent(k3s.agent('a1', { nodePassword: 'of a new disk' }))).toMatchObject({ ok: true });
  });

  it('refuses what the role of the service account does not name', async () => {
    expect(await codeOf(k3s.api.listNamespacedSecret({ namespace: 'kube-system' }))).toBe(403);
    expect(await codeOf(k3s.api.readNamespacedSecret({ namespace: 'kube-system', name: 'any' }))).toBe(403);
    expect(await codeOf(k3s.api.listSecretForAllNamespaces())).toBe(403);
    expect(await codeOf(k3s.api.createNode({ body: { metadata: { name: 'a9' } } }))).toBe(403);
  });

  it('marks a silent node Unknown after 40 seconds and moves its pods after 5 minutes', async () => {
    await join('a1', 'a2', 'a3');
    k3s.k3s.stopKubelet('blue', 'a1', 'machine of a1', false);
    await k3s.clock.advance(39_000);
    expect(ready(await k3s.api.readNode({ name: 'a1' }))).toBe('True');
    await k3s.clock.advance(2_000);
    expect(ready(await k3s.api.readNode({ name: 'a1' }))).toBe('Unknown');
    expect((await webPods()).some((pod) => pod.spec?.nodeName === 'a1' && !pod.metadata?.deletionTimestamp)).toBe(true);
    await k3s.clock.advance(310_000);
    const pods = await webPods();
    expect(pods.filter((pod) => !pod.metadata?.deletionTimestamp && pod.spec?.nodeName !== 'a1')).toHaveLength(6);
    expect(pods.some((pod) => pod.metadata?.deletionTimestamp && pod.spec?.nodeName === 'a1')).toBe(true);
  });

  it('removes the pods of a deleted node after the quarantine of the pod garbage collector', async () => {
    await join('a1');
    await k3s.api.deleteNode({ name: 'a1' });
    expect((await podsOn('a1')).length).toBeGreaterThan(0);
    await k3s.clock.advance(45_000);
    expect(await podsOn('a1')).toEqual([]);
  });
});

function bootstrapToken(id: string, expiration: string | undefined = '2026-03-01T09:00:00Z') {
  return {
    metadata: { name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      ...(expiration && { expiration }),
    },
  };
}
