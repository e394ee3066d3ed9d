import { fileOf } from '../../shared/engines/swarm/workloads/files';
import { planOf, type Plan } from '../../shared/engines/swarm/workloads/plan';
import { readCompose } from '../../shared/engines/swarm/workloads/compose/read';
import { meets, requireConstraint } from '../../shared/engines/swarm/workloads/constraints';
import type { RunningService, WorkloadTask } from '../../shared/engines/swarm/workloads/inventory';
import { problemsOf } from '../../shared/engines/swarm/workloads/problems';
import { rolloutOf } from '../../shared/engines/swarm/workloads/rollout';
import type { NodeObject } from '../../shared/engines/swarm/objects';
import type { WorkloadKind } from '../../shared/model/workload';
import global from '../../shared/engines/swarm/workloads/manifests/global.yaml';
import replicated from '../../shared/engines/swarm/workloads/manifests/replicated.yaml';
import registry from '../../shared/engines/swarm/workloads/manifests/registry.yaml';
import stack from '../../shared/engines/swarm/workloads/manifests/stack.yaml';

const SHARES = { data: '/srv/data', registry: '/srv/registry' };
const NAMES = { monitor: 'monitor', replicated: 'site', global: 'everywhere', stack: 'shop', registry: 'registry' };
const OWN_KINDS = Object.keys(NAMES) as (keyof typeof NAMES)[];

function planned(kind: keyof typeof NAMES, isWebFree = true): Plan {
  const change = { name: NAMES[kind], kind: kind as WorkloadKind, shares: SHARES };
  const file = fileOf(change, { isWebFree, password: undefined });
  if (!file.ok) throw new Error(file.message);
  const made = planOf(change, file.file);
  if (!made.ok) throw new Error(made.message);
  return made.plan;
}

const serviceOf = (kind: keyof typeof NAMES, name: string) => planned(kind).services.find(({ Name }) => Name === name)!;

describe('our own kinds', () => {
  test.each(OWN_KINDS)(
    '%s: images are pinned, room is asked for, containers are confined, masters are left alone',
    (kind) => {
      for (const { TaskTemplate } of planned(kind).services) {
        expect(TaskTemplate.ContainerSpec?.Image).toMatch(/^[a-z.]+\.io\/.+:v?\d+\.\d+/);
        expect(TaskTemplate.ContainerSpec).toMatchObject({ ReadOnly: true, CapabilityDrop: ['ALL'] });
        expect(TaskTemplate.Resources?.Limits?.MemoryBytes).toBeGreaterThan(2 ** 22);
        expect(TaskTemplate.Resources?.Reservations?.NanoCPUs).toBeGreaterThan(1e6);
        expect(TaskTemplate.Placement?.Constraints).toEqual(['node.role==worker']);
      }
    },
  );

  test('publish port 80 while it is free, and any other when it is not', () => {
    for (const kind of ['replicated', 'global', 'stack'] as const) {
      const published = (isWebFree: boolean) =>
        planned(kind, isWebFree).services.flatMap(({ EndpointSpec }) => EndpointSpec?.Ports ?? []);
      expect(published(true)).toMatchObject([{ PublishedPort: 80, PublishMode: 'ingress' }]);
      expect(published(false)).toHaveLength(1);
      expect(published(false)[0]).not.toHaveProperty('PublishedPort');
    }
  });

  test('Redis of a stack is never there twice, and has a directory of its own on the share', () => {
    const redis = serviceOf('stack', 'shop_redis');
    expect(redis).toMatchObject({ Mode: { Replicated: { Replicas: 1 } }, UpdateConfig: { Order: 'stop-first' } });
    expect(redis.EndpointSpec?.Ports).toEqual([]);
    const { Mounts, Args = [] } = redis.TaskTemplate.ContainerSpec!;
    expect(Mounts).toEqual([{ Type: 'bind', Source: '/srv/data', Target: '/data', ReadOnly: false }]);
    expect(Args.at(-1)).toContain('--dir "/data/shop"');
  });

  test('the registry publishes nothing and listens on its node’s own address alone, for debugging too', () => {
    const { EndpointSpec, TaskTemplate } = serviceOf('registry', 'registry_registry');
    expect(EndpointSpec?.Ports).toEqual([]);
    expect(TaskTemplate.Networks).toEqual([{ Target: 'host' }]);
    const addresses = TaskTemplate.ContainerSpec?.Env?.filter((line) => /_ADDR=/.test(line)) ?? [];
    expect(addresses).toHaveLength(2);
    for (const line of addresses) expect(line).toMatch(/=127\.0\.0\.1:\d+$/);
  });

  test('the monitor can be reached through its door alone, which asks for a password that nobody can guess', () => {
    const { services } = planned('monitor');
    expect(services.filter(({ EndpointSpec }) => EndpointSpec?.Ports?.length)).toMatchObject([
      { Name: 'monitor_door' },
    ]);
    const door = serviceOf('monitor', 'monitor_door').TaskTemplate.ContainerSpec!;
    expect(door.Env).not.toEqual(serviceOf('monitor', 'monitor_door').TaskTemplate.ContainerSpec!.Env);
    const script = door.Args?.at(-1) ?? '';
    expect(script).toContain('auth_basic_user_file /tmp/users;');
    expect(script).toContain(`"$MONITOR_PASSWORD" > /tmp/users`);
  });

  test.each([
    ['replicated', replicated],
    ['global', global],
    ['stack', stack],
    ['registry', registry],
  ])('%s is a file that docker stack deploy takes as well, without a variable', (_, text) => {
    expect(readCompose(text)).toMatchObject({ ok: true });
  });
});

describe('a constraint', () => {
  const node = {
    ID: 'n1',
    Spec: { Role: 'worker', Labels: { disk: 'SSD' } },
    Description: { Hostname: 'h', Platform: { OS: 'linux' }, Engine: { Labels: { zone: '1' } } },
  };

  test.each([
    ['node.role==worker', true],
    ['node.role != worker', false],
    ['node.labels.disk == ssd', true],
    ['node.labels.gpu != yes', true],
    ['engine.labels.zone==2', false],
    ['node.platform.os==linux', true],
    ['node.id==n1', true],
    ['node.labels.a/b==c', false],
  ])('%p is met: %p', (constraint, expected) => expect(meets(node, [constraint])).toBe(expected));

  test.each([
    'node.role',
    'node.role=worker',
    'role==worker',
    'node.labels.==x',
    'node.labels.a==',
    'node.labels.a==$(x)!',
  ])('%p is none', (constraint) => expect(() => requireConstraint(constraint)).toThrow());
});

const TEMPLATE = { ContainerSpec: { Image: 'a:1' }, ForceUpdate: 0 };
const service = (more: object = {}, spec: object = {}): RunningService =>
  ({
    ID: 's1',
    Spec: { Name: 'mine_web', Labels: {}, TaskTemplate: TEMPLATE, Mode: { Replicated: { Replicas: 2 } }, ...spec },
    ...more,
  }) as unknown as RunningService;
const task = (more: object = {}): WorkloadTask =>
  ({
    ServiceID: 's1',
    Slot: 1,
    NodeID: 'n1',
    CreatedAt: '2026-01-01T00:00:00Z',
    DesiredState: 'running',
    Status: { State: 'running' },
    Spec: TEMPLATE,
    ...more,
  }) as WorkloadTask;
const node = (ID: string, more: object = {}): NodeObject =>
  ({
    ID,
    Spec: { Role: 'worker', Availability: 'active', Labels: null },
    Description: {},
    Status: { State: 'ready' },
    ...more,
  }) as unknown as NodeObject;

describe('a rollout', () => {
  test('counts tasks that run, are meant to, and are of the form that was asked for last', () => {
    const tasks = [
      task(),
      task({ DesiredState: 'shutdown' }),
      task({ Status: { State: 'starting' } }),
      task({ Spec: { ContainerSpec: { Image: 'a:0' }, ForceUpdate: 0 } }),
    ];
    expect(rolloutOf(service(), tasks, [])).toEqual({ desired: 2, ready: 1 });
  });

  test('does not mind that Swarm has left tasks where a new constraint lets them be', () => {
    const placed = { TaskTemplate: { ...TEMPLATE, Placement: { Constraints: ['node.role==worker'] } } };
    expect(rolloutOf(service({}, placed), [task(), task()], [])).toEqual({ desired: 2, ready: 2 });
  });

  test('is not done while Swarm still watches it, also when a surplus runs', () => {
    const tasks = [task(), task(), task()];
    expect(rolloutOf(service({ UpdateStatus: { State: 'updating' } }), tasks, [])).toEqual({ desired: 2, ready: 1 });
    expect(rolloutOf(service({ UpdateStatus: { State: 'completed' } }), tasks, [])).toEqual({ desired: 2, ready: 2 });
  });

  test('on every node waits for nodes that take work and meet the constraints, and counts no others', () => {
    const everywhere = {
      Mode: { Global: {} },
      TaskTemplate: { ...TEMPLATE, Placement: { Constraints: ['node.role==worker'] } },
    };
    const nodes = [
      node('n1'),
      node('n2'),
      node('parked', { Status: { State: 'down' } }),
      node('paused', { Spec: { Role: 'worker', Availability: 'pause' } }),
      node('master', { Spec: { Role: 'manager', Availability: 'active' } }),
    ];
    const tasks = [task(), task({ NodeID: 'paused' }), task({ NodeID: 'parked' })];
    expect(rolloutOf(service({}, everywhere), tasks, nodes)).toEqual({ desired: 2, ready: 1 });
    expect(rolloutOf(service({}, everywhere), [], [])).toEqual({ desired: 0, ready: 0 });
  });
});

describe('problems', () => {
  const failed = (Slot: number, Err: string, more: object = {}) =>
    task({ Slot, DesiredState: 'shutdown', Status: { State: 'failed', Err }, ...more });

  test('are told once for each reason, three at most', () => {
    const tasks = [1, 2].map((slot) => failed(slot, 'task: non-zero exit (1)'));
    expect(problemsOf([{ service: service(), tasks }])).toEqual(['mine_web.1: failed: task: non-zero exit (1)']);
    const many = [1, 2, 3, 4].map((slot) => failed(slot, `reason ${slot}`));
    expect(problemsOf([{ service: service(), tasks: many }])).toHaveLength(3);
  });

  test('are those of now: the last failure of a place, and none where a task runs', () => {
    const later = { CreatedAt: '2026-01-02T00:00:00Z' };
    const tasks = [failed(1, 'first'), failed(1, 'second', later), failed(2, 'past'), task({ Slot: 2, ...later })];
    expect(problemsOf([{ service: service(), tasks }])).toEqual(['mine_web.1: failed: second']);
  });
});
