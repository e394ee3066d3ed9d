import { Cluster } from '../support/cluster';
import { startStarling, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling();
});
afterAll(() => starling?.stop());

const VERBS: [path: string, body: object][] = [
  ['/scale', { agents: 2 }],
  ['/start', {}],
  ['/stop', { nodes: ['0'] }],
  ['/restart', {}],
  ['/reimage', { order: 'serial' }],
  ['/upgrade', { version: 'v1.36.2+k3s1' }],
  ['/rebalance', {}],
  ['/tokens/rotate', {}],
  ['/restart', { nodes: ['0'] }],
  ['/scale', { agents: 1, reclaim: 'park' }],
];

test('of 20 simultaneous verbs on one cluster exactly one is accepted, and the others name it', async () => {
  const cluster = new Cluster(starling, 'busy');
  expect(await cluster.deploy({ agents: { count: 1 } })).toMatchObject({ state: 'succeeded' });
  const requests = [...VERBS, ...VERBS].map(([path, body]) => starling.request('POST', `${cluster.path}${path}`, body));
  const answers = await Promise.all(requests);
  const accepted = answers.filter(({ status }) => status === 202);
  expect(accepted).toHaveLength(1);
  const { id } = accepted[0]!.body;
  for (const { status, body } of answers.filter(({ status }) => status !== 202))
    expect({ status, code: body.code, operation: body.operation }).toEqual({
      status: 409,
      code: 'OPERATION_IN_PROGRESS',
      operation: id,
    });
  expect((await starling.request('GET', `${cluster.path}/operations?limit=1`)).body.operations[0].id).toBe(id);
  expect(await starling.waitForOperation(id)).toMatchObject({ state: 'succeeded' });
  expect(await cluster.destroy()).toMatchObject({ state: 'succeeded' });
});
