import { putCluster } from '../../functions/put-cluster';
import type { Call } from '../../functions/respond';
import { finishOperation } from '../../orchestrations/activities/operations';
import type { ClusterRecord, ClusterSpec } from '../../shared/model/cluster';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';
import { clusterSpec, operationRecord } from '../support/records';

const spec = clusterSpec({ agents: { count: 2 } });
const withAgents = (changes: Partial<ClusterSpec['agents']>): ClusterSpec => ({
  ...spec,
  agents: { ...spec.agents, ...changes },
});

const put = (world: FakeWorld, body: ClusterSpec, query: Call['query'] = {}, c = 'demo') =>
  putCluster({ world, orchestrator: new FakeOrchestrator(), log: QUIET_LOG, params: { c }, query, body });
const worldWith = (changes: Partial<ClusterRecord> = {}): FakeWorld => new FakeWorld({ spec, ...changes });

function begun(world: FakeWorld): { verb: string; input: object } {
  const { verb, input } = world.operationRows.all().at(-1)!.record;
  const { cluster: _, operationId: __, ...rest } = input as Record<string, unknown>;
  return { verb, input: rest };
}

describe('a changed spec', () => {
  it.each<[string, ClusterSpec, { verb: string; input: object }]>([
    ['of the number of agents is a scale', withAgents({ count: 5 }), { verb: 'scale', input: { agents: 5 } }],
    [
      'of the size converges',
      withAgents({ size: 'Standard_B2s_v2' }),
      { verb: 'converge', input: { size: 'Standard_B2s_v2' } },
    ],
    ['of the firewall converges', { ...spec, ingress: { from: [] } }, { verb: 'converge', input: { template: true } }],
    [
      'of the version converges',
      { ...spec, version: 'v1.36.3+k3s1' },
      { verb: 'converge', input: { version: 'v1.36.3+k3s1' } },
    ],
    [
      'of all of it converges in one operation',
      { ...withAgents({ size: 'Standard_B2s_v2', count: 4, maxPrice: 1 }), version: 'v1.36.3+k3s1' },
      { verb: 'converge', input: { template: true, version: 'v1.36.3+k3s1', size: 'Standard_B2s_v2', agents: 4 } },
    ],
  ])('%s', async (_, after, operation) => {
    const world = worldWith();
    world.cloud.listSizes = async () => [{ name: 'Standard_B2s_v2', cores: 2, memoryGiB: 8 }];
    const preview = await put(world, after, { whatIf: 'true' });
    expect(preview).toMatchObject({ status: 200, body: { whatIf: true, verb: operation.verb } });
    expect(await put(world, after)).toMatchObject({ status: 202 });
    expect(begun(world)).toEqual(operation);
  });

  const EVERYTHING = {
    ...withAgents({ size: 'Standard_B2s', count: 4, maxPrice: 1 }),
    version: 'v1.36.3+k3s1',
    drift: 'adopt' as const,
  };
  const BEFORE = withAgents({ size: 'Standard_D2s_v5' });

  it('is the wish at once, but for version and size, which machines must have first', async () => {
    const world = worldWith({ spec: BEFORE });
    await put(world, EVERYTHING);
    const agents = { ...EVERYTHING.agents, size: BEFORE.agents.size };
    expect(world.cluster.spec).toEqual({ ...EVERYTHING, version: spec.version, agents });
  });

  it('is on its way when it is asked for again', async () => {
    const world = worldWith({ spec: BEFORE });
    await put(world, EVERYTHING);
    expect(await put(world, EVERYTHING)).toMatchObject({ status: 200 });
    expect(world.operationRows.all()).toHaveLength(1);
  });

  it.each(['failed', 'cancelled'] as const)(
    'that %s halfway is carried out when it is asked for again, and is there afterwards',
    async (state) => {
      const world = worldWith({ spec: BEFORE });
      await put(world, EVERYTHING);
      await end(world, state);
      const { version } = EVERYTHING;
      world.changeCluster({ spec: { ...EVERYTHING, version } }); // as far as the spec goes it came to its end
      expect(await put(world, EVERYTHING)).toMatchObject({ status: 202 });
      expect(begun(world)).toEqual({ verb: 'converge', input: { template: true, version, size: 'Standard_B2s' } });
      await end(world, 'succeeded');
      expect(await put(world, EVERYTHING)).toMatchObject({ status: 200 });
    },
  );

  async function end(world: FakeWorld, state: 'succeeded' | 'failed' | 'cancelled'): Promise<void> {
    world.now += 1000;
    await finishOperation(world, { cluster: 'demo', operationId: world.cluster.operation!, state, phase: 'ready' });
  }

  it('of limits and policies is noted, also while the cluster is stopped', async () => {
    const world = worldWith({ phase: 'stopped' });
    expect(await put(world, withAgents({ max: 20 }))).toMatchObject({ status: 200, body: { phase: 'stopped' } });
    expect(world.cluster.spec.agents.max).toBe(20);
    expect(world.operationRows.all()).toEqual([]);
  });

  it('of machines is refused while the cluster is stopped', async () => {
    await expect(put(worldWith({ phase: 'stopped' }), withAgents({ count: 5 }))).rejects.toMatchObject({
      code: 'CLUSTER_STOPPED',
    });
  });

  it('of what cannot change is refused, and each field named with its reason', async () => {
    const after = { ...spec, location: 'northeurope', masters: { ...spec.masters, count: 3 as const } };
    await expect(put(worldWith(), after)).rejects.toMatchObject({
      code: 'IMMUTABLE_FIELD',
      detail: {
        errors: [
          { field: 'location', message: expect.stringContaining('cannot change: ') },
          { field: 'masters.count', message: expect.stringContaining('cannot change: ') },
        ],
      },
    });
  });

  it('of the version is refused when it leads back', async () => {
    await expect(put(worldWith(), { ...spec, version: 'v1.30.0+k3s1' })).rejects.toThrow(/^version: /);
  });

  it('to a size that the location does not have is refused', async () => {
    await expect(put(worldWith(), withAgents({ size: 'Standard_M999' }))).rejects.toThrow(/^agents.size: /);
  });

  it('is refused when somebody else changed the cluster since it was compared', async () => {
    const world = worldWith();
    const { get } = world.clusters;
    let reads = 0;
    world.clusters.get = async (cluster) => {
      if (++reads === 2) world.changeCluster({ spec: withAgents({ max: 50 }) });
      return get(cluster);
    };
    await expect(put(world, withAgents({ count: 5 }))).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE' });
    expect(world.cluster.spec.agents.max).toBe(50);
  });
});

describe('network and storage alone', () => {
  const ONLY = { only: 'storage' };

  it('are deployed for a name that nobody has', async () => {
    const world = worldWith();
    const preview = await put(world, spec, { ...ONLY, whatIf: 'true' }, 'fresh');
    expect((preview.body as { would: string[] }).would.join()).not.toMatch(/masters/);
    expect(await put(world, spec, ONLY, 'fresh')).toMatchObject({ status: 202 });
    expect(begun(world)).toEqual({ verb: 'deploy', input: ONLY });
  });

  it('are there when they are asked for again', async () => {
    const world = worldWith({ phase: 'stored', endpoints: [] });
    expect(await put(world, spec, ONLY)).toMatchObject({ status: 200, body: { phase: 'stored' } });
  });

  it('are followed by the rest when the same spec comes without the restriction', async () => {
    const world = worldWith({ phase: 'stored', endpoints: [] });
    expect(await put(world, spec)).toMatchObject({ status: 202 });
    expect(begun(world)).toEqual({ verb: 'deploy', input: {} });
    expect(world.cluster.phase).toBe('deploying');
  });

  it('may be followed by machines of another kind, but not elsewhere', async () => {
    const stored = (): FakeWorld => worldWith({ phase: 'stored', endpoints: [] });
    const masters = { ...spec.masters, count: 3 as const };
    expect(await put(stored(), { ...spec, masters })).toMatchObject({ status: 202 });
    await expect(put(stored(), { ...spec, location: 'northeurope' })).rejects.toMatchObject({
      code: 'IMMUTABLE_FIELD',
    });
  });

  it('cannot be asked for where there are machines, unless nothing changes', async () => {
    expect(await put(worldWith(), spec, ONLY)).toMatchObject({ status: 200 });
    await expect(put(worldWith(), withAgents({ count: 5 }), ONLY)).rejects.toThrow(/^only: /);
  });

  it('on their way are no answer to who asks for the whole', async () => {
    const operation = 'demo.deploy.a';
    const world = worldWith({ phase: 'deploying', operation, endpoints: [] });
    world.operationRows.put(operation, operationRecord({ cluster: 'demo', verb: 'deploy', input: ONLY }));
    expect(await put(world, spec, ONLY)).toMatchObject({ status: 200, body: { operation } });
    await expect(put(world, spec)).rejects.toMatchObject({ code: 'OPERATION_IN_PROGRESS', detail: { operation } });
  });
});

describe('a deploy that failed', () => {
  it('before there were machines may be asked for with other machines', async () => {
    const world = worldWith({ phase: 'failed', endpoints: [] });
    const after = { ...spec, masters: { count: 3 as const, size: 'Standard_B1s' } };
    expect(await put(world, after)).toMatchObject({ status: 202 });
    expect(begun(world)).toEqual({ verb: 'deploy', input: {} });
  });

  it('after that keeps its masters and its version', async () => {
    const world = worldWith({ phase: 'failed' });
    await expect(put(world, { ...spec, version: 'v1.36.3+k3s1' })).rejects.toMatchObject({ code: 'IMMUTABLE_FIELD' });
    expect(await put(world, withAgents({ count: 1 }))).toMatchObject({ status: 202 });
  });
});

describe('a new cluster of a size that its location does not offer', () => {
  const odd = clusterSpec({ agents: { count: 2, size: 'Standard_Odd' } });

  it.each(['true', undefined])('is refused before anything is made, with whatIf=%s', async (whatIf) => {
    const world = worldWith();
    const refused = put(world, odd, whatIf ? { whatIf } : {}, 'other');
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      detail: { errors: [{ field: 'agents.size', message: expect.stringContaining('Standard_Odd') as string }] },
    });
    expect(world.operationRows.all()).toEqual([]);
  });
});
