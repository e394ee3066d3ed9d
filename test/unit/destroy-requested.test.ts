import { destroyCluster } from '../../functions/destroy';
import type { Call } from '../../functions/respond';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';

const destroy = (world: FakeWorld, query: Call['query'] = {}) =>
  destroyCluster({
    world,
    orchestrator: new FakeOrchestrator(),
    log: QUIET_LOG,
    params: { c: 'kept' },
    query,
    body: undefined,
  });

describe('a destroy of a name without a cluster', () => {
  it('deletes the storage that an earlier destroy kept, under a lock as ever', async () => {
    const world = new FakeWorld();
    world.groups.set('kept-storage', 'ours');
    expect(await destroy(world, { whatIf: 'true' })).toMatchObject({
      body: { would: ['delete the resource group kept-storage and everything in it'] },
    });
    expect(world.clusterRows.get('kept')).toBeUndefined();
    expect(await destroy(world)).toMatchObject({ status: 202 });
    const { phase, operation } = world.clusterRows.get('kept')!.record;
    expect(phase).toBe('deleting');
    await expect(destroy(world)).rejects.toMatchObject({ code: 'OPERATION_IN_PROGRESS', detail: { operation } });
  });

  it.each<[string, 'ours' | 'foreign' | undefined, Call['query']]>([
    ['finds nothing', undefined, {}],
    ['leaves a group alone that Starling did not make', 'foreign', {}],
    ['keeps what is kept already', 'ours', { storage: 'keep' }],
  ])('%s', async (_, owner, query) => {
    const world = new FakeWorld();
    if (owner) world.groups.set('kept-storage', owner);
    await expect(destroy(world, query)).rejects.toMatchObject({ code: 'CLUSTER_NOT_FOUND' });
    expect(world.clusterRows.get('kept')).toBeUndefined();
  });
});
