import { daemonStart, refusalOf, swarmFixture, type SwarmFixture } from './swarm-fixture';

/** Services, their tasks and networks, through the real client. */
describe('services of a swarm', () => {
  let blue: SwarmFixture;
  beforeEach(async () => {
    blue = await swarmFixture();
  });
  afterEach(() => blue.close());

  const create = async (name: string, change: Partial<Spec> = {}): Promise<string> => {
    const { id } = (await blue.docker.createService({ ...spec(name), ...change } as never)) as { id: string };
    return id;
  };
  const service = async (name: string) => (await blue.docker.getService(name).inspect()) as unknown as Service;
  const update = async (name: string, change: (spec: Spec) => object): Promise<void> => {
    const { Version, Spec } = await service(name);
    await blue.docker.getService(name).update({ version: Version.Index, ...Spec, ...change(Spec) });
  };
  const scale = (name: string, Replicas: number) => update(name, () => ({ Mode: { Replicated: { Replicas } } }));
  const tasks = async (filters: object = {}) =>
    (await blue.docker.listTasks({ filters: JSON.stringify(filters) })) as Task[];
  const running = async (name: string) =>
    (await tasks({ service: [name], 'desired-state': ['running'] })).filter(({ Status }) => Status.State === 'running');
  const spread = async (name: string): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const { NodeID = '' } of await running(name)) counts[NodeID] = (counts[NodeID] ?? 0) + 1;
    return counts;
  };
  const setNode = async (id: string, change: object): Promise<void> => {
    const { Version, Spec } = (await blue.docker.getNode(id).inspect()) as { Version: { Index: number }; Spec: object };
    await blue.docker.getNode(id).update({ version: Version.Index, ...Spec, ...change });
  };
  const network = async (name: string): Promise<string> =>
    (await blue.docker.createNetwork({ Name: name, Driver: 'overlay' })).id;

  describe('replicated', () => {
    it('pass through their states and spread over the nodes that take work', async () => {
      const [a1, a2, a3] = [await blue.worker('a1'), await blue.worker('a2'), await blue.worker('a3')];
      await create('web', replicated(6));
      const seen = new Set<string>();
      for (let tick = 0; tick < 30; tick += 1) {
        for (const { Status } of await tasks({ service: ['web'] })) seen.add(Status.State);
        await blue.advance(0.25);
      }
      expect([...seen]).toEqual(['assigned', 'preparing', 'ready', 'starting', 'running']);
      expect(await spread('web')).toEqual({ [a1]: 2, [a2]: 2, [a3]: 2 });
      const [task] = await running('web');
      expect(task).toMatchObject({ Slot: expect.any(Number), DesiredState: 'running', Status: { Message: 'started' } });
      expect(Object.keys(task ?? {}).filter((key) => /^[a-z]/.test(key))).toEqual([]);
    });

    it('wait, and say why, while no node takes them', async () => {
      await create('web');
      await blue.advance(5);
      const [task] = await tasks({ service: ['web'] });
      expect(task?.Status).toMatchObject({
        State: 'pending',
        Err: 'no suitable node (1 node not available for new tasks)',
      });
      await blue.worker('a1');
      await blue.advance(10);
      expect(await running('web')).toHaveLength(1);
    });

    it('are never moved for the sake of a new node, unless the service is forced', async () => {
      const a1 = await blue.worker('a1');
      await create('web', replicated(4));
      await blue.advance(10);
      const a2 = await blue.worker('a2');
      await blue.advance(3_600);
      expect(await spread('web')).toEqual({ [a1]: 4 });
      await update('web', ({ TaskTemplate }) => ({ TaskTemplate: { ...TaskTemplate, ForceUpdate: 1 } }));
      await blue.advance(60);
      expect(await spread('web')).toEqual({ [a1]: 2, [a2]: 2 });
      expect((await service('web')).UpdateStatus).toMatchObject({ State: 'completed' });
    });

    it('are more and fewer as the service says, from the fullest node first', async () => {
      const [a1, a2] = [await blue.worker('a1'), await blue.worker('a2')];
      await create('web', replicated(3));
      await blue.advance(10);
      await scale('web', 8);
      await blue.advance(10);
      expect(await spread('web')).toEqual({ [a1]: 4, [a2]: 4 });
      await scale('web', 2);
      await blue.advance(10);
      expect(await spread('web')).toEqual({ [a1]: 1, [a2]: 1 });
      expect(await tasks({ service: ['web'] })).toHaveLength(2);
      const [listed] = (await blue.docker.listServices({ status: true } as never)) as unknown as Service[];
      expect(listed?.ServiceStatus).toEqual({ RunningTasks: 2, DesiredTasks: 2, CompletedTasks: 0 });
    });

    it('leave a drained node one by one for others, and stay on a paused one', async () => {
      const [a1, a2] = [await blue.worker('a1'), await blue.worker('a2')];
      await create('web', replicated(4));
      await blue.advance(10);
      await setNode(a1, { Availability: 'pause' });
      await blue.advance(60);
      expect(await spread('web')).toEqual({ [a1]: 2, [a2]: 2 });
      await setNode(a1, { Availability: 'drain' });
      await blue.advance(1);
      const going = (await tasks({ node: [a1] })).filter(({ DesiredState }) => DesiredState === 'shutdown');
      expect(going.map(({ Status }) => Status.State)).toEqual(['running', 'running']);
      await blue.advance(20);
      expect(await spread('web')).toEqual({ [a2]: 4 });
      expect((await tasks({ node: [a1] })).map(({ Status }) => Status.State)).toEqual(['shutdown', 'shutdown']);
    });

    it('are started elsewhere when their node is Down, and a node that comes back keeps nothing it lost', async () => {
      const [a1, a2] = [await blue.worker('a1'), await blue.worker('a2')];
      await create('web', replicated(4));
      await blue.advance(10);
      blue.swarm.stopDaemon('a1');
      await blue.advance(14);
      expect(await spread('web')).toEqual({ [a1]: 2, [a2]: 2 }); // nobody has noticed
      await blue.advance(20);
      expect(await spread('web')).toEqual({ [a2]: 4 });
      expect((await tasks({ node: [a1] })).map(({ Status }) => Status.State)).toEqual(['running', 'running']);
      blue.swarm.startDaemon(daemonStart('a1', { bootId: 'next' }));
      await blue.advance(600);
      expect((await tasks({ node: [a1] })).map(({ Status }) => Status.State)).toEqual(['shutdown', 'shutdown']);
      expect(await spread('web')).toEqual({ [a2]: 4 });
    });

    it('fail and are replaced when a daemon was away for less time than anybody notices', async () => {
      await blue.worker('a1');
      await create('web', replicated(2));
      await blue.advance(10);
      blue.swarm.stopDaemon('a1');
      await blue.advance(5);
      blue.swarm.startDaemon(daemonStart('a1', { bootId: 'next' }));
      await blue.advance(4);
      const failed = (await tasks({ service: ['web'] })).filter(({ Status }) => Status.State === 'failed');
      expect(failed.map(({ Status }) => Status.Err)).toEqual(Array(2).fill('task: non-zero exit (137)'));
      await blue.advance(20);
      expect(await running('web')).toHaveLength(2);
    });

    it('become orphans when their node is removed, or has been down for a day', async () => {
      const [a1, a2] = [await blue.worker('a1'), await blue.worker('a2')];
      await create('web', replicated(2));
      await blue.advance(10);
      blue.swarm.stopDaemon('a1');
      blue.swarm.stopDaemon('a2');
      await blue.advance(20);
      await blue.docker.getNode(a1).remove();
      await blue.advance(5);
      const states = async () => {
        const all = await tasks({ service: ['web'] });
        return [a1, a2].map((id) => all.filter(({ NodeID }) => NodeID === id).map(({ Status }) => Status.State));
      };
      expect(await states()).toEqual([['orphaned'], ['running']]);
      await blue.advance(86_400);
      expect(await states()).toEqual([['orphaned'], ['orphaned']]);
    });

    it('leave no more behind than the history that the swarm keeps', async () => {
      await blue.worker('a1');
      await create('web', { TaskTemplate: { ...spec('web').TaskTemplate, ContainerSpec: { Image: 'crashing:1' } } });
      await blue.advance(120);
      const left = await tasks({ service: ['web'] });
      expect(left).toHaveLength(2);
      expect(left.map(({ Status }) => Status.Err)).toContain('task: non-zero exit (1)');
    });

    it('are not replaced where the policy does not want it', async () => {
      await blue.worker('a1');
      const task = { ContainerSpec: { Image: 'crashing:1' }, RestartPolicy: { Condition: 'none' } };
      await create('web', { TaskTemplate: task });
      await blue.advance(600);
      expect((await tasks({ service: ['web'] })).map(({ Status }) => Status.State)).toEqual(['failed']);
    });

    it('say that their image does not exist', async () => {
      await blue.worker('a1');
      await create('web', { TaskTemplate: { ContainerSpec: { Image: 'missing/web' } } });
      await blue.advance(4);
      const rejected = (await tasks({ service: ['web'] })).find(({ Status }) => Status.State === 'rejected');
      expect(rejected?.Status.Err).toBe('No such image: missing/web:latest');
    });
  });

  describe('global', () => {
    it('run once on every node that takes work, and are not replaced on those that do not', async () => {
      const a1 = await blue.worker('a1');
      await create('agent', { Mode: { Global: {} } });
      await blue.advance(10);
      const a2 = await blue.worker('a2');
      const held = await blue.worker('held', { availability: 'pause' });
      await blue.advance(10);
      expect(await spread('agent')).toEqual({ [a1]: 1, [a2]: 1 });
      await setNode(held, { Availability: 'active' });
      await setNode(a1, { Availability: 'drain' });
      await blue.advance(15);
      expect(await spread('agent')).toEqual({ [a2]: 1, [held]: 1 });
      expect((await running('agent')).every(({ Slot }) => Slot === undefined)).toBe(true);
    });
  });

  describe('placement', () => {
    it('follows constraints by role, hostname, id and label, and leaves a node that no longer meets them', async () => {
      const [a1, a2] = [await blue.worker('a1'), await blue.worker('a2')];
      await setNode(a2, { Labels: { tier: 'gold' } });
      const placed = async (name: string, Constraints: string[]) => {
        await create(name, { TaskTemplate: { ...spec(name).TaskTemplate, Placement: { Constraints } } });
        await blue.advance(6);
        return Object.keys(await spread(name));
      };
      expect(await placed('gold', ['node.labels.tier == gold'])).toEqual([a2]);
      expect(await placed('other', ['node.labels.tier != gold', 'node.role==worker'])).toEqual([a1]);
      expect(await placed('host', ['node.hostname==A1'])).toEqual([a1]);
      expect(await placed('id', [`node.id==${a2}`])).toEqual([a2]);
      expect(await placed('nowhere', ['node.role==manager'])).toEqual([]);
      const [waiting] = await tasks({ service: ['nowhere'] });
      expect(waiting?.Status.Err).toBe(
        'no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)',
      );
      await setNode(a2, { Labels: {} });
      await setNode(a1, { Labels: { tier: 'gold' } });
      await blue.advance(20);
      expect(await spread('gold')).toEqual({ [a1]: 1 });
      const [gone] = (await tasks({ service: ['gold'] })).filter(({ NodeID }) => NodeID === a2);
      expect(gone?.Status).toMatchObject({ Err: 'assigned node no longer meets constraints' });
    });

    it('keeps to reservations, ports of hosts and replicas per node', async () => {
      await blue.worker('a1');
      const big = { Reservations: { NanoCPUs: 1_500_000_000 } };
      await create('big', { ...replicated(2), TaskTemplate: { ...spec('big').TaskTemplate, Resources: big } });
      await create('single', {
        ...replicated(2),
        TaskTemplate: { ...spec('single').TaskTemplate, Placement: { MaxReplicas: 1 } },
      });
      const EndpointSpec = { Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' }] };
      await create('door', { ...replicated(2), EndpointSpec });
      await blue.advance(10);
      const why = async (name: string) => (await tasks({ service: [name] })).flatMap(({ Status }) => Status.Err ?? []);
      expect(await why('big')).toEqual([expect.stringMatching(/insufficient resources on 1 node/)]);
      expect(await why('single')).toEqual([expect.stringMatching(/max replicas per node limit exceed/)]);
      expect(await why('door')).toEqual([expect.stringMatching(/host-mode port already in use on 1 node/)]);
      for (const name of ['big', 'single', 'door']) expect(await running(name)).toHaveLength(1);
    });
  });

  describe('updates', () => {
    const roll = async (name: string, UpdateConfig: object, image = 'web:2') =>
      update(name, ({ TaskTemplate }) => ({
        UpdateConfig,
        TaskTemplate: { ...TaskTemplate, ContainerSpec: { ...TaskTemplate.ContainerSpec, Image: image } },
      }));
    const images = async (name: string) => (await running(name)).map(({ Spec }) => Spec.ContainerSpec.Image).sort();
    /** The fewest and the most tasks that ran at a time, until the update was over. */
    const watch = async (name: string, seconds: number) => {
      const counts: number[] = [];
      for (let tick = 0; tick < seconds * 2; tick += 1) {
        await blue.advance(0.5);
        counts.push((await tasks({ service: [name] })).filter(({ Status }) => Status.State === 'running').length);
      }
      return { least: Math.min(...counts), most: Math.max(...counts) };
    };

    it('go one by one, stopping first, and are complete when they have been watched', async () => {
      await blue.worker('a1');
      await create('web', replicated(3));
      await blue.advance(10);
      expect((await service('web')).UpdateStatus).toBeUndefined();
      await roll('web', { Parallelism: 1 });
      const { least, most } = await watch('web', 30);
      expect([least, most]).toEqual([2, 3]);
      expect(await images('web')).toEqual(['web:2', 'web:2', 'web:2']);
      expect((await service('web')).UpdateStatus).toMatchObject({ State: 'completed', Message: 'update completed' });
    });

    it('start first where the service says so, and rest between two steps', async () => {
      await blue.worker('a1');
      await create('web', replicated(2));
      await blue.advance(10);
      await roll('web', { Parallelism: 1, Order: 'start-first', Delay: 60e9 });
      const { least, most } = await watch('web', 20);
      expect([least, most]).toEqual([2, 3]);
      expect(await images('web')).toEqual(['web:1', 'web:2']);
      await blue.advance(80);
      expect(await images('web')).toEqual(['web:2', 'web:2']);
    });

    it('that start first leave one task for each replica, also when a node is drained meanwhile', async () => {
      const [a1] = [await blue.worker('a1'), await blue.worker('a2')];
      await create('web', replicated(4));
      await blue.advance(10);
      await roll('web', { Parallelism: 0, Order: 'start-first' });
      await blue.advance(1.5);
      await setNode(a1, { Availability: 'drain' });
      await blue.advance(60);
      expect(await images('web')).toEqual(Array(4).fill('web:2'));
      expect(await tasks({ service: ['web'], 'desired-state': ['running', 'ready'] })).toHaveLength(4);
    });

    it('pause at the first failure and leave the rest as it was', async () => {
      await blue.worker('a1');
      await create('web', replicated(3));
      await blue.advance(10);
      await roll('web', { Parallelism: 1 }, 'missing/web:2');
      await blue.advance(60);
      expect((await service('web')).UpdateStatus).toMatchObject({
        State: 'paused',
        Message: expect.stringMatching(/^update paused due to failure or early termination of task/),
      });
      expect(await images('web')).toEqual(['web:1', 'web:1']);
      await roll('web', { Parallelism: 0 }, 'web:3');
      await blue.advance(30);
      expect(await images('web')).toEqual(['web:3', 'web:3', 'web:3']);
    });

    it('start nothing anew when only labels or the number of replicas change', async () => {
      await blue.worker('a1');
      await create('web', replicated(2));
      await blue.advance(10);
      const before = (await running('web')).map(({ ID }) => ID).sort();
      await update('web', () => ({ Labels: { 'starling.rebalance': 'never' } }));
      await scale('web', 2);
      await blue.advance(20);
      expect((await running('web')).map(({ ID }) => ID).sort()).toEqual(before);
    });

    it('are refused in another version, of another mode, and under another name', async () => {
      await create('web');
      const { Version } = await service('web');
      await scale('web', 2);
      const stale = blue.docker.getService('web').update({ version: Version.Index, ...spec('web') });
      expect((await refusalOf(stale)).message).toBe('rpc error: code = Unknown desc = update out of sequence');
      expect(await refusalOf(update('web', () => ({ Mode: { Global: {} } })))).toMatchObject({
        statusCode: 501,
        message: expect.stringMatching(/service mode change is not allowed/),
      });
      expect((await refusalOf(update('web', () => ({ Name: 'shop' })))).message).toMatch(/renaming services/);
    });
  });

  it.each<[string, Partial<Spec>, number, RegExp]>([
    ['a name that is none', { Name: 'my.web' }, 400, /name must be valid as a DNS name component/],
    ['no image', { TaskTemplate: { ContainerSpec: { Image: '' } } }, 400, /image reference must be provided/],
    ['an image that is none', { TaskTemplate: { ContainerSpec: { Image: 'We b' } } }, 400, /not a valid repository/],
    ['a constraint with a slash in its key', placement('node.labels.a/b==c'), 500, /key 'node.labels.a\/b' is invalid/],
    ['a constraint without an operator', placement('node.role'), 500, /expected one operator from ==, !=/],
    ['a network that does not exist', attached('nowhere'), 500, /^network nowhere not found$/],
    ['a secret that does not exist', secret('password'), 400, /secret not found: password$/],
    ['fewer replicas than none', { Mode: { Replicated: { Replicas: -1 } } }, 400, /must be non-negative/],
  ])('are refused with %s', async (_, change, statusCode, message) => {
    const refusal = await refusalOf(create('web', change));
    expect(refusal).toEqual({ statusCode, message: expect.stringMatching(message) });
    expect(await blue.docker.listServices()).toEqual([]);
  });

  it('have names and published ports of their own', async () => {
    const EndpointSpec = { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] };
    const id = await create('web', { EndpointSpec });
    expect(await refusalOf(create('web'))).toEqual({
      statusCode: 409,
      message:
        'rpc error: code = AlreadyExists desc = name conflicts with an existing object: service web already exists',
    });
    expect((await refusalOf(create('shop', { EndpointSpec }))).message).toBe(
      `rpc error: code = InvalidArgument desc = port '8080' is already in use by service 'web' (${id}) as an ingress port`,
    );
    await create('shop', { EndpointSpec: { Ports: [{ TargetPort: 80 }] } });
    expect((await service('shop')).Endpoint.Ports?.[0]?.PublishedPort).toBe(30_000);
  });

  it('are listed by label and by the beginning of their names, and end with their tasks when they are removed', async () => {
    await blue.worker('a1');
    await create('web', { Labels: { 'starling.workload': 'web' } });
    await create('web2');
    await blue.advance(10);
    const names = async (filters: object) =>
      ((await blue.docker.listServices({ filters: JSON.stringify(filters) })) as unknown as Service[])
        .map(({ Spec }) => Spec.Name)
        .sort();
    expect(await names({ name: ['web'] })).toEqual(['web', 'web2']);
    expect(await names({ label: ['starling.workload=web'] })).toEqual(['web']);
    await blue.docker.getService('web').remove();
    expect(await names({})).toEqual(['web2']);
    await blue.advance(1);
    expect((await tasks()).map(({ DesiredState }) => DesiredState).sort()).toEqual(['remove', 'running']);
    await blue.advance(10);
    expect(await tasks()).toHaveLength(1);
    expect(await refusalOf(blue.docker.getService('web2x').inspect())).toEqual({
      statusCode: 404,
      message: 'service web2x not found',
    });
  });

  it('use networks that cannot be removed as long as a task is on them', async () => {
    await blue.worker('a1');
    const id = await network('web_default');
    expect(await refusalOf(network('web_default'))).toEqual({
      statusCode: 409,
      message: 'network with name web_default already exists',
    });
    const { IPAM } = (await blue.docker.getNetwork('web_default').inspect()) as { IPAM: { Config: object[] } };
    expect(IPAM.Config).toEqual([{ Subnet: '10.128.1.0/24', Gateway: '10.128.1.1' }]);
    const web = await create('web', attached('web_default'));
    expect((await service('web')).Spec.TaskTemplate.Networks).toEqual([{ Target: id }]);
    await blue.advance(10);
    const removal = () => refusalOf(blue.docker.getNetwork(id).remove());
    expect(await removal()).toEqual({
      statusCode: 400,
      message: `rpc error: code = FailedPrecondition desc = network ${id} is in use by service ${web}`,
    });
    await blue.docker.getService('web').remove();
    expect((await removal()).message).toMatch(/is in use by task/);
    await blue.advance(5);
    await blue.docker.getNetwork(id).remove();
    const left = await blue.docker.listNetworks();
    expect(left.map(({ Name }) => Name).sort()).toEqual(['bridge', 'host', 'ingress', 'none']);
  });

  it('change nothing and wake nobody when everything is as it should be', async () => {
    await blue.worker('a1');
    await create('web', replicated(3));
    await blue.advance(60);
    const before = JSON.stringify(blue.store.list('due'));
    await blue.advance(3_600);
    expect(blue.store.list('due')).toEqual([]);
    expect(before).toBe('[]');
  });

  it('are as they were after a restart of the simulator', async () => {
    await blue.worker('a1');
    await create('web', replicated(2));
    await blue.advance(10);
    const told = blue.control('GET', 'blue/services');
    expect(told.body.services).toEqual([expect.objectContaining({ name: 'web', replicas: 2, running: 2, update: '' })]);
    const url = new URL('http://127.0.0.1/_local/engine/blue/services');
    expect(await blue.reopened().control({ method: 'GET', url, headers: {}, body: '' })).toEqual(told);
  });
});

interface TaskTemplate {
  ContainerSpec: { Image: string };
  ForceUpdate?: number;
  Networks?: { Target: string }[];
  [field: string]: unknown;
}

interface Spec {
  Name: string;
  Labels?: Record<string, string>;
  TaskTemplate: TaskTemplate;
  Mode?: object;
  EndpointSpec?: object;
  UpdateConfig?: object;
}

interface Service {
  ID: string;
  Version: { Index: number };
  Spec: Spec;
  Endpoint: { Ports?: { PublishedPort: number }[] };
  UpdateStatus?: { State: string; Message: string };
  ServiceStatus?: object;
}

interface Task {
  ID: string;
  Slot?: number;
  NodeID?: string;
  Spec: TaskTemplate;
  DesiredState: string;
  Status: { State: string; Message: string; Err?: string };
}

function spec(name: string): Spec {
  return { Name: name, TaskTemplate: { ContainerSpec: { Image: 'web:1' } } };
}

function replicated(Replicas: number): Partial<Spec> {
  return { Mode: { Replicated: { Replicas } } };
}

function placement(constraint: string): Partial<Spec> {
  return { TaskTemplate: { ...spec('').TaskTemplate, Placement: { Constraints: [constraint] } } };
}

function attached(name: string): Partial<Spec> {
  return { TaskTemplate: { ...spec('').TaskTemplate, Networks: [{ Target: name }] } };
}

function secret(SecretName: string): Partial<Spec> {
  const ContainerSpec = { Image: 'web:1', Secrets: [{ SecretID: 'none', SecretName, File: { Name: SecretName } }] };
  return { TaskTemplate: { ContainerSpec } };
}
