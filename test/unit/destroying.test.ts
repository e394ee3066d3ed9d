import { begin } from '../../functions/begin';
import { deleteGroups, forgetCluster } from '../../orchestrations/activities/destruction';
import { prepareCluster } from '../../orchestrations/activities/deployment';
import { FakeOrchestrator, FakeWorld } from '../support/fake-world';
import { operationRecord } from '../support/records';

const DESTROY = { cluster: 'demo', operationId: 'demo.destroy.b', storage: 'delete' } as const;
const destroying = (changes = {}): FakeWorld =>
  new FakeWorld({ operation: DESTROY.operationId, phase: 'deleting', ...changes });

describe('a step of a destroy that comes late', () => {
  it('deletes nothing of a cluster that was deployed anew under the name', async () => {
    const world = new FakeWorld({ operation: 'demo.deploy.c', phase: 'deploying' });
    world.groups.set('demo-compute', 'ours');
    await expect(deleteGroups(world, DESTROY)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(world.groups.size).toBe(1);
  });

  it('forgets nothing of it either', async () => {
    const world = new FakeWorld({ operation: 'demo.deploy.c', phase: 'deploying' });
    await world.mint.prepare('demo');
    await forgetCluster(world, DESTROY);
    expect(world.clusterRows.get('demo')).toBeDefined();
    expect(world.secrets.size).toBe(2);
  });

  it('issues the certificate once', async () => {
    const world = destroying();
    await forgetCluster(world, DESTROY);
    world.now += 60_000;
    await forgetCluster(world, DESTROY);
    expect(world.told.filter(({ type }) => type === 'cluster.destroyed')).toHaveLength(1);
  });
});

describe('a group of the cluster’s name that Starling did not make', () => {
  it('does not keep a cluster that was refused for it from being forgotten', async () => {
    const world = destroying({ endpoints: [] });
    world.groups.set('demo-compute', 'foreign');
    expect(await deleteGroups(world, DESTROY)).toEqual({ pending: [], foreign: [] });
    const { certificate } = await forgetCluster(world, DESTROY);
    expect(certificate).toMatchObject({ deleted: { resourceGroups: ['demo-storage'] } });
    expect(world.groups.get('demo-compute')).toBe('foreign');
  });

  it('is told loudly when the cluster was deployed into it', async () => {
    const world = destroying();
    world.groups.set('demo-compute', 'foreign');
    expect(await deleteGroups(world, DESTROY)).toMatchObject({ foreign: ['demo-compute'] });
  });
});

it('a deploy that is pre-empted while it makes keys makes no groups any more', async () => {
  const world = new FakeWorld({ operation: 'demo.deploy.a', phase: 'deploying' });
  world.vault.set = async (name, value) => {
    world.secrets.set(name, value);
    world.changeCluster({ operation: DESTROY.operationId, phase: 'deleting' });
  };
  expect(await prepareCluster(world, { cluster: 'demo', operationId: 'demo.deploy.a' })).toMatchObject({
    ok: false,
    code: 'CANCELLED',
  });
  expect(world.groups.size).toBe(0);
});

it('ends the pre-empted operation although the answer to its own claim was lost', async () => {
  const world = new FakeWorld({ operation: 'demo.scale.a' });
  world.operationRows.put('demo.scale.a', operationRecord({ cluster: 'demo' }));
  const orchestrator = new FakeOrchestrator();
  await orchestrator.start('scaleCluster', 'demo.scale.a');
  const { replace } = world.clusters;
  world.clusters.replace = async (record, etag) => (await replace(record, etag)) && false;
  const operation = await begin({ world, orchestrator }, 'demo', { verb: 'destroy', preempt: true });
  expect(operation.input).toMatchObject({ preempted: 'demo.scale.a' });
  expect(await orchestrator.status('demo.scale.a')).toBe('ended');
  expect(world.operationRows.get('demo.scale.a')?.record.state).toBe('cancelled');
});
