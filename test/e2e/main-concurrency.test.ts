import { Cluster, remainsOf, SPEC } from '../support/cluster';
import { startStarling, waitUntil, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling();
});
afterAll(() => starling?.stop());

test('of 100 simultaneous scale requests exactly one is accepted, and the others name it', async () => {
  const cluster = new Cluster(starling, 'crowd');
  expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' });
  const requests = Array.from({ length: 100 }, (_, index) =>
    starling.request('POST', `${cluster.path}/scale`, { agents: 2 + (index % 4) }),
  );
  const answers = await Promise.all(requests);
  const accepted = answers.filter(({ status }) => status === 202);
  expect(accepted).toHaveLength(1);
  const refused = answers.filter(({ status }) => status !== 202);
  const winner = accepted[0]!.body.id;
  for (const { status, body } of refused)
    expect({ status, code: body.code, operation: body.operation }).toEqual({
      status: 409,
      code: 'OPERATION_IN_PROGRESS',
      operation: winner,
    });
  const operation = await starling.waitForOperation(winner);
  expect(operation.state).toBe('succeeded');
  await cluster.settles(operation.result.agents.wanted);
});

test('of 20 simultaneous deploys of one name exactly one is accepted', async () => {
  const cluster = new Cluster(starling, 'twins');
  const answers = await Promise.all(Array.from({ length: 20 }, () => starling.request('PUT', cluster.path, SPEC)));
  const accepted = answers.filter(({ status }) => status === 202);
  expect(accepted).toHaveLength(1);
  const winner = accepted[0]!.body.id;
  // Who comes after the winner's row is there asks for what is there already; who collides with it is told so.
  for (const { status, body } of answers.filter((answer) => answer !== accepted[0]))
    expect({ accepted: [200, 409].includes(status), operation: body.operation }).toEqual({
      accepted: true,
      operation: winner,
    });
  expect(await cluster.destroy()).toMatchObject({ state: 'succeeded' });
  expect(await starling.waitForOperation(winner)).toMatchObject({ state: 'cancelled' });
});

test('a destroy pre-empts a running deploy and leaves nothing', async () => {
  const cluster = new Cluster(starling, 'brief');
  const deploy = await cluster.begin('PUT', '', SPEC);
  await waitUntil('VMs are coming', async () => (await cluster.vms()).length > 0);
  const destroy = await cluster.begin('DELETE', '');
  const again = await starling.request('DELETE', cluster.path);
  expect(again).toMatchObject({ status: 409, body: { code: 'OPERATION_IN_PROGRESS', operation: destroy } });
  expect(await starling.waitForOperation(deploy)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
  expect(await starling.waitForOperation(destroy)).toMatchObject({ state: 'succeeded' });
  expect(await remainsOf(starling, 'brief')).toEqual([]);
  expect(await starling.request('DELETE', cluster.path)).toMatchObject({
    status: 404,
    body: { code: 'CLUSTER_NOT_FOUND' },
  });
});

test('a storage that is kept outlives the cluster, and the next of its name takes it over', async () => {
  const cluster = new Cluster(starling, 'keeper');
  expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' });
  const storage = await storageOf('keeper');
  expect(storage.length).toBeGreaterThan(0);
  const kept = await cluster.destroy('?storage=keep');
  expect(kept).toMatchObject({ state: 'succeeded', result: { certificate: { kept: ['keeper-storage'] } } });
  const left = await remainsOf(starling, 'keeper');
  expect(left.filter((id) => !/resourcegroups\/keeper-storage(\/|$)/i.test(id))).toEqual([]);
  expect(await storageOf('keeper')).toEqual(storage);
  expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' });
  await cluster.settles(3);
  expect(await storageOf('keeper')).toEqual(storage);
  expect(await cluster.destroy()).toMatchObject({ state: 'succeeded' });
  expect(await remainsOf(starling, 'keeper')).toEqual([]);
});

/** The storage account and what it was made with: an account made anew has other keys. */
async function storageOf(name: string): Promise<unknown[]> {
  const { resources } = await starling.control('GET', '/_local/state');
  const isOurs = ({ id }: { id: string }): boolean => new RegExp(`/resourcegroups/${name}-storage/`, 'i').test(id);
  return resources.filter(isOurs).map(({ id, properties }: { id: string; properties: { creationTime?: string } }) => ({
    id,
    creationTime: properties.creationTime,
  }));
}
