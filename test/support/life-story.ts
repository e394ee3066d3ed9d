import { Cluster, isCordoned, remainsOf } from './cluster';
import { startStarling, type Starling } from './starling';

export interface LifeOf {
  spec: { engine: 'k3s' | 'swarm'; location: string };
  /** Of the engine's API. */
  port: number;
  /** Something to drain, where an engine brings none itself. */
  putWork?: (cluster: Cluster) => Promise<void>;
}

/** One story, told in order. */
export function tellOfLife({ spec, port, putWork }: LifeOf): void {
  let starling: Starling;
  let cluster: Cluster;
  let deployId = '';
  beforeAll(async () => {
    starling = await startStarling();
    cluster = new Cluster(starling, 'life');
  });
  afterAll(() => starling?.stop());

  test('a deploy brings a master and three agents that have proved who they are', async () => {
    const accepted = await starling.request('PUT', cluster.path, spec);
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('location')).toBe(`/api/operations/${accepted.body.id}`);
    deployId = accepted.body.id;
    const operation = await starling.waitForOperation(deployId);
    expect(operation).toMatchObject({ verb: 'deploy', state: 'succeeded', error: null });
    expect(operation.result).toEqual({ agents: { wanted: 3, came: 3 } });
    await cluster.settles(3);
    const masters = (await cluster.nodes()).filter(({ role }) => role === 'master');
    expect(masters.map(({ instanceId }) => instanceId)).toEqual(['master0']);
  });

  test('the same spec again starts nothing', async () => {
    const again = await starling.request('PUT', cluster.path, spec);
    expect(again).toMatchObject({ status: 200, body: { name: 'life', phase: 'ready', operation: null } });
  });

  test('endpoints, template, deployment and the list of clusters tell what was deployed', async () => {
    const get = async (path: string) => (await starling.request('GET', path)).body;
    expect((await get(`${cluster.path}/endpoints`)).endpoints).toEqual([
      {
        name: 'master0',
        fqdn: expect.stringMatching(/^life-\w+-master0\.westeurope\.cloudapp\.azure\.com$/),
        ports: [80, 443, port],
      },
    ]);
    const { template, parameters } = await get(`${cluster.path}/template`);
    const types = Object.values<{ type: string }>(template.resources).map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(['Microsoft.Compute/virtualMachines', 'Microsoft.Compute/virtualMachineScaleSets']),
    );
    expect(parameters).toBeDefined();
    const { operations } = await get(`${cluster.path}/deployment`);
    expect(operations.length).toBeGreaterThan(5);
    expect(operations.filter(({ state }: { state: string }) => state !== 'succeeded')).toEqual([]);
    expect((await get('/api/clusters')).clusters.map(({ name }: { name: string }) => name)).toEqual(['life']);
    expect(await get(cluster.path)).toMatchObject({
      agents: { desired: 3, ready: 3, total: 3 },
      masters: { desired: 1, ready: 1 },
    });
  });

  test('the events tell every node on its way to ready, and who caused it', async () => {
    const events = await cluster.events();
    const ready = events.filter(({ type }) => type === 'node.ready').map(({ subject }) => subject);
    expect(ready.sort()).toEqual((await cluster.nodes()).map(({ name }) => name).sort());
    expect(events.find(({ type }) => type === 'operation.started')).toMatchObject({
      subject: deployId,
      cause: 'operator',
    });
    expect(events.find(({ type }) => type === 'operation.succeeded')).toMatchObject({ subject: deployId });
    expect(events.filter(({ cause }) => !cause)).toEqual([]);
  });

  test('scaling up to 5 keeps the three and adds two', async () => {
    const before = (await cluster.nodes()).map(({ vmId }) => vmId);
    expect(await cluster.scale(5)).toMatchObject({ state: 'succeeded', result: { agents: { wanted: 5, came: 5 } } });
    await cluster.settles(5);
    expect((await cluster.nodes()).map(({ vmId }) => vmId)).toEqual(expect.arrayContaining(before));
  });

  test('scaling down to 2 drains the victims before it deletes them', async () => {
    await putWork?.(cluster);
    const before = await cluster.agents();
    const since = (await cluster.events()).at(-1)!.at;
    const watch = watchDrains(cluster);
    expect(await cluster.scale(2)).toMatchObject({ state: 'succeeded' });
    const drains = await watch.end();
    await cluster.settles(2);
    const kept = new Set((await cluster.agents()).map(({ name }) => name));
    const victims = before
      .filter(({ name }) => !kept.has(name))
      .map(({ name }) => name)
      .sort();
    expect(victims).toHaveLength(3);
    const states = (await cluster.events(since)).filter(({ subject }) => victims.includes(subject));
    for (const victim of victims) {
      const course = states.filter(({ subject }) => subject === victim).map(({ type }) => type);
      expect(course.indexOf('node.draining')).toBeGreaterThanOrEqual(0);
      expect(course.indexOf('node.gone')).toBeGreaterThan(course.indexOf('node.draining'));
    }
    // Seen in the engine, not told by Starling: all were cordoned, and none held work that a drain moves when its VM went.
    expect([...drains.cordoned].sort()).toEqual(victims);
    expect(drains.lostWork).toEqual([]);
    const pods = (await cluster.engineNodes()).flatMap((node) => node.pods);
    expect(pods.filter(isMovable).length).toBeGreaterThan(0);
  });

  test('an instance that crashes is ready again, and an event names the repair', async () => {
    const [victim] = await cluster.agents();
    await cluster.disturb(victim!.instanceId, 'crash');
    await cluster.hasEvent(victim!.name, 'repair.start');
    await cluster.settles(2);
    expect((await cluster.agents()).map(({ vmId }) => vmId)).toContain(victim!.vmId);
  });

  test('an instance that hangs is restarted once it has been silent for long enough', async () => {
    const [victim] = await cluster.agents();
    await cluster.disturb(victim!.instanceId, 'hang');
    await cluster.hasEvent(victim!.name, 'repair.restart');
    await cluster.settles(2);
    expect((await cluster.agents()).map(({ vmId }) => vmId)).toContain(victim!.vmId);
  });

  test('a master that crashes is started again, and no agent is touched meanwhile', async () => {
    const before = await cluster.nodes();
    await cluster.disturb('master0', 'crash');
    await cluster.hasEvent('master0', 'repair.start');
    await cluster.settles(2);
    const identity = ({ name, vmId }: { name: string; vmId: string }) => ({ name, vmId });
    expect((await cluster.nodes()).map(identity)).toEqual(before.map(identity));
  });

  test('an instance that vanishes is replaced', async () => {
    const [victim] = await cluster.agents();
    await cluster.disturb(victim!.instanceId, 'vanish');
    await cluster.hasEvent(victim!.name, 'node.gone');
    await cluster.settles(2);
    expect((await cluster.agents()).map(({ vmId }) => vmId)).not.toContain(victim!.vmId);
  });

  test('a destroy leaves nothing and says so in a certificate', async () => {
    expect((await remainsOf(starling, 'life')).length).toBeGreaterThan(10);
    const operation = await cluster.destroy();
    expect(operation).toMatchObject({ verb: 'destroy', state: 'succeeded' });
    expect(operation.result.certificate).toMatchObject({
      cluster: 'life',
      operation: operation.id,
      deleted: { resourceGroups: ['life-compute', 'life-storage'] },
      kept: [],
      checked: { tag: 'starling-cluster=life', remaining: 0 },
    });
    expect(await remainsOf(starling, 'life')).toEqual([]);
    expect((await starling.request('GET', cluster.path)).status).toBe(404);
    expect((await starling.request('DELETE', cluster.path)).status).toBe(404);
    const types = (await cluster.events()).map(({ type }) => type);
    expect(types).toContain('cluster.destroyed');
  });
}

/** Not a k3s cluster's own pod on every node. */
const isMovable = (pod: string): boolean => !pod.startsWith('node-agent');

/** Looks at the engine's nodes all the time: which were cordoned, and which went with work that a drain would have moved. */
function watchDrains(cluster: Cluster): { end(): Promise<{ cordoned: Set<string>; lostWork: string[] }> } {
  const cordoned = new Set<string>();
  const lostWork: string[] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const vms = await cluster.vms(); // first: a VM that is being deleted by now must have been drained before
      const nodes = await cluster.engineNodes();
      for (const node of nodes) if (isCordoned(node)) cordoned.add(node.name);
      const deleting = vms.filter(({ provisioningState }) => provisioningState === 'Deleting');
      for (const vm of deleting) {
        const node = nodes.find(({ name }) => name.endsWith(vm.vmId.slice(0, 8)));
        if (node?.pods.some(isMovable)) lostWork.push(`${node.name}: ${node.pods.join(', ')}`);
      }
    }
  })();
  return {
    async end() {
      isOver = true;
      await watching;
      return { cordoned, lostWork };
    },
  };
}
