import { objectsOf, podSecurityOf } from '../../shared/engines/k3s/workloads/objects';
import { parseManifest } from '../../shared/engines/k3s/workloads/manifest';
import { daemonRolloutOf, rolloutOf } from '../../shared/engines/k3s/workloads/rollout';
import { problemsOf } from '../../shared/engines/k3s/workloads/problems';
import { podSecurityViolation } from '../../local/engines/k3s/pod-security';
import type { WorkloadChange, WorkloadKind } from '../../shared/model/workload';

const SHARES = { data: '/srv/data', registry: '/srv/registry' };
const NAMES: Record<WorkloadKind, string> = {
  monitor: 'monitor',
  replicated: 'site',
  global: 'everywhere',
  stack: 'shop',
  registry: 'registry',
  manifest: 'mine',
};
const MANIFEST = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\n';
const change = (kind: WorkloadKind, more: Partial<WorkloadChange> = {}): WorkloadChange => ({
  name: NAMES[kind],
  kind,
  shares: SHARES,
  ...(kind === 'manifest' && { manifest: MANIFEST }),
  ...more,
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- objects are looked into
const made = (wanted: WorkloadChange): any[] => {
  const outcome = objectsOf(wanted);
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.objects;
};
const OWN_KINDS: WorkloadKind[] = ['monitor', 'replicated', 'global', 'stack', 'registry'];

describe('objects of a workload', () => {
  test.each(Object.keys(NAMES) as WorkloadKind[])('of kind %s carry its label and are in its own namespace', (kind) => {
    for (const { metadata, spec } of made(change(kind))) {
      expect(metadata.namespace).toBe(`starling-${NAMES[kind]}`);
      expect(metadata.labels['starling.io/workload']).toBe(NAMES[kind]);
      if (spec?.template) expect(spec.template.metadata.labels['starling.io/workload']).toBe(NAMES[kind]);
    }
  });

  test.each(OWN_KINDS)('of kind %s pin their images, ask for room, and are confined', (kind) => {
    const templates = made(change(kind)).flatMap(({ spec }) => spec?.template ?? []);
    expect(templates.length).toBeGreaterThan(0);
    for (const { spec } of templates)
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        expect(container.image).toMatch(/^[a-z.]+\/.+:v?\d+\.\d+/);
        expect(container.resources).toMatchObject({ requests: { cpu: expect.anything(), memory: expect.anything() } });
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
        });
        if (spec.containers.includes(container)) expect(container).toHaveProperty('readinessProbe');
      }
  });

  test.each(OWN_KINDS)('of kind %s are what the pod security of their namespace lets in', (kind) => {
    for (const shares of [SHARES, { registry: '/srv/registry' }]) {
      const wanted = change(kind, { shares });
      const labels = { 'pod-security.kubernetes.io/enforce': podSecurityOf(wanted) };
      const namespace = { metadata: { name: 'any', labels } } as unknown as Parameters<typeof podSecurityViolation>[0];
      for (const { spec } of made(wanted))
        if (spec?.template) expect(podSecurityViolation(namespace, spec.template.spec)).toBeUndefined();
    }
  });

  test('the monitor has a writable copy of its pages, into which it writes its path when it starts', () => {
    const { spec } = made(change('monitor')).flatMap(({ spec }) => spec?.template ?? [])[0];
    expect(spec.initContainers[0]).toMatchObject({
      image: spec.containers[0].image,
      command: ['cp', '-R', '/headlamp/frontend/.', '/pages'],
      volumeMounts: [{ name: 'pages', mountPath: '/pages' }],
    });
    expect(spec.containers[0].volumeMounts).toContainEqual({ name: 'pages', mountPath: '/headlamp/frontend' });
    expect(spec.volumes).toContainEqual(expect.objectContaining({ name: 'pages', emptyDir: expect.anything() }));
  });

  test('the registry listens on the loopback address of its node, behind a policy that keeps pods out', () => {
    const [policy, set] = made(change('registry'));
    expect(policy).toMatchObject({ kind: 'NetworkPolicy', spec: { policyTypes: ['Ingress'] } });
    expect(policy.spec.ingress).toBeUndefined();
    expect(set.spec.template.spec.containers[0].ports).toEqual([
      { containerPort: 5000, hostPort: 5000, hostIP: '127.0.0.1' },
    ]);
    expect(set.spec.template.spec.volumes[0].hostPath).toEqual({ path: '/srv/registry', type: 'Directory' });
  });

  test('Redis of a stack keeps its data on the share, and in the pod where there is none', () => {
    const redis = (shares: Record<string, string>) =>
      made(change('stack', { shares })).find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'redis')
        .spec.template.spec.volumes[0];
    expect(redis(SHARES)).toMatchObject({ hostPath: { path: '/srv/data/shop' } });
    expect(redis({})).toEqual({ name: 'data', emptyDir: {} });
  });

  test('a registry without its share, and a second monitor, are refused', () => {
    expect(objectsOf(change('registry', { shares: {} }))).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(objectsOf(change('monitor', { name: 'second' }))).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });
});

describe('an own manifest', () => {
  const parse = (text: string) => parseManifest(text, 'mine');

  test('may be YAML of several documents, JSON, or a list', () => {
    const item = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
    for (const [text, count] of [
      [`---\n${MANIFEST}---\n# nothing\n---\n${MANIFEST.replace('settings', 'more')}`, 2],
      [JSON.stringify(item), 1],
      [JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item, { ...item, metadata: { name: 'b' } }] }), 2],
    ] as const)
      expect(parse(text)).toMatchObject({ ok: true, objects: { length: count } });
  });

  test('that cannot be one names the document, its line, and why', () => {
    const refused = (text: string) => {
      const outcome = parse(text);
      return outcome.ok ? '' : outcome.message;
    };
    expect(refused(`${MANIFEST}---\n[1, 2]`)).toMatch(/document 2 \(line 4\): is no object/);
    expect(refused(`${MANIFEST}---\na: {`)).toMatch(/document 2/);
    expect(refused(`${MANIFEST}---\n${MANIFEST}`)).toMatch(/ConfigMap settings is in it more than once/);
    expect(refused('kind: Pod\nmetadata: { name: a }')).toMatch(/apiVersion is missing/);
    expect(refused('apiVersion: v1\nkind: ClusterRole\nmetadata: { name: a }')).toMatch(/not among what a workload/);
  });

  test('does not grow without limit when its aliases are followed', () => {
    const level = (name: string, of: string) =>
      `${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join()}]\n`;
    const bomb = `a: &a [1,1,1,1,1,1,1,1,1,1]\n${level('b', 'a')}${level('c', 'b')}${level('d', 'c')}`;
    expect(parse(bomb)).toMatchObject({ ok: false, message: /more aliases than can be followed/ });
  });

  test.each([
    ['['.repeat(20_000) + ']'.repeat(20_000), /nested more than/],
    ['- '.repeat(20_000), /nested more than/],
    ['a: '.repeat(20_000), /nested more than/],
    [Array.from({ length: 20_000 }, (_, index) => `a${index}: 1`).join('\n'), /entries in one place/],
    ['!a '.repeat(20_000), /entries in one place/],
  ])('that would exhaust whoever reads it is not read (%#)', (text, message) =>
    expect(parse(text)).toMatchObject({ ok: false, message }),
  );

  test.each(['..', '.', ''])('may not lead elsewhere by the name %p', (name) =>
    expect(parse(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }))).toMatchObject({
      ok: false,
      code: 'INVALID_REQUEST',
    }),
  );

  test('may not be where the monitor runs, which may look at the whole cluster', () => {
    for (const name of ['monitor', 'registry'])
      expect(objectsOf(change('manifest', { name }))).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });

  test('keeps every field that it has', () => {
    const text =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, creationTimestamp: null }\nfuture: { field: 1 }\n';
    expect(parse(text)).toMatchObject({ ok: true, objects: [{ future: { field: 1 } }] });
  });
});

describe('a rollout', () => {
  const seen = { metadata: { generation: 2 }, spec: { replicas: 3 } };
  const deployment = (status: object) => rolloutOf({ ...seen, status } as Parameters<typeof rolloutOf>[0]);

  test('counts nothing before its controller has seen the change', () => {
    const status = { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3 };
    expect(deployment(status)).toEqual({ desired: 3, ready: 0 });
  });

  test('counts only pods of the new form', () => {
    const status = { observedGeneration: 2, replicas: 4, updatedReplicas: 1, readyReplicas: 3 };
    expect(deployment(status)).toEqual({ desired: 3, ready: 0 });
    expect(deployment({ ...status, replicas: 3, updatedReplicas: 3 })).toEqual({ desired: 3, ready: 3 });
  });

  test('of a set on every node does not wait for machines that do not answer', () => {
    const status = { observedGeneration: 1, desiredNumberScheduled: 4, updatedNumberScheduled: 3, numberReady: 3 };
    const set = { metadata: { generation: 1 }, status } as Parameters<typeof daemonRolloutOf>[0];
    expect(daemonRolloutOf(set, { here: 3, away: 1 })).toEqual({ desired: 3, ready: 3 });
    const uncounted = { ...set, status: { ...status, desiredNumberScheduled: 3 } } as typeof set;
    expect(daemonRolloutOf(uncounted, { here: 3, away: 1 })).toEqual({ desired: 3, ready: 3 });
  });
});

test('the same trouble of many pods is told once', () => {
  const pod = (name: string) => ({
    metadata: { name },
    status: {
      containerStatuses: [{ image: 'x:1', state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } }],
    },
  });
  const pods = [pod('a'), pod('b')] as unknown as Parameters<typeof problemsOf>[0];
  expect(problemsOf(pods, [])).toEqual(['a: ImagePullBackOff: not found']);
});
