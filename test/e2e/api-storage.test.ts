import { Cluster, remainsOf, SPEC } from '../support/cluster';
import { startStarling, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling();
});
afterAll(() => starling?.stop());

const BODY = { ...SPEC, agents: { count: 1 } };

test('network and storage come first when only they are asked for, the machines later, and storage goes last', async () => {
  const cluster = new Cluster(starling, 'stages');
  expect(await cluster.carryOut('PUT', '?only=storage', BODY)).toMatchObject({ state: 'succeeded' });
  expect(await cluster.get()).toMatchObject({ phase: 'stored', endpoints: [], operation: null });
  expect(await cluster.vms()).toEqual([]);
  const storage = await storageOf('stages');
  expect(storage).toHaveLength(1);
  expect(await starling.request('PUT', `${cluster.path}?only=storage`, BODY)).toMatchObject({
    status: 200,
    body: { phase: 'stored' },
  });
  expect(await starling.request('POST', `${cluster.path}/scale`, { agents: 2 })).toMatchObject({
    status: 503,
    body: { code: 'CLUSTER_NOT_READY' },
  });

  expect(await cluster.carryOut('PUT', '', BODY)).toMatchObject({ state: 'succeeded' });
  await cluster.settles(1);
  expect(await storageOf('stages')).toEqual(storage);

  expect(await cluster.destroy('?storage=keep')).toMatchObject({ state: 'succeeded' });
  expect((await starling.request('GET', cluster.path)).status).toBe(404);
  expect(await storageOf('stages')).toEqual(storage);
  const keepAgain = await starling.request('DELETE', `${cluster.path}?storage=keep`);
  expect(keepAgain).toMatchObject({ status: 404, body: { code: 'CLUSTER_NOT_FOUND' } });
  const { state, result } = await cluster.destroy();
  expect({ state, kept: result.certificate.kept }).toEqual({ state: 'succeeded', kept: [] });
  expect(await remainsOf(starling, 'stages')).toEqual([]);
  expect((await starling.request('DELETE', cluster.path)).status).toBe(404);
});

/** Ids and birth of the storage accounts: one that was made anew is another one. */
async function storageOf(name: string): Promise<unknown[]> {
  const { resources } = await starling.control('GET', '/_local/state');
  const isAccount = ({ id }: { id: string }): boolean =>
    new RegExp(`/resourcegroups/${name}-storage/.*/storageaccounts/[^/]+$`, 'i').test(id);
  return resources
    .filter(isAccount)
    .map(({ id, properties }: { id: string; properties: { creationTime?: string } }) => [id, properties.creationTime]);
}
