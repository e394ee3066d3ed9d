import { Cluster, remainsOf } from '../support/cluster';
import { startStarling, type Starling } from '../support/starling';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling();
});
afterAll(() => starling?.stop());

// Event Grid promises neither once nor order nor arrival: the end of the story must not depend on any of it.
test.each(['duplicate', 'reorder', 'drop'])(
  'with mode %s of the events the same story ends in the same state',
  async (mode) => {
    await starling.control('POST', '/_local/events', { mode });
    const cluster = new Cluster(starling, `grid-${mode}`);
    expect(await cluster.deploy()).toMatchObject({ state: 'succeeded' });
    await cluster.settles(3);
    expect(await cluster.scale(5)).toMatchObject({ state: 'succeeded' });
    await cluster.settles(5);
    expect(await cluster.scale(2)).toMatchObject({ state: 'succeeded' });
    await cluster.settles(2);
    const [victim] = await cluster.agents();
    await cluster.disturb(victim!.instanceId, 'vanish');
    await cluster.hasEvent(victim!.name, 'node.gone');
    await cluster.settles(2);
    expect(await told(cluster)).toEqual(mode === 'drop' ? [] : [expect.anything()]);
    expect(await cluster.destroy()).toMatchObject({ state: 'succeeded' });
    expect(await remainsOf(starling, cluster.name)).toEqual([]);
  },
);

/** Ids of Event Grid's events that the cluster has written down: each once, however often it came. */
async function told(cluster: Cluster): Promise<string[]> {
  const ids = (await cluster.events()).filter(({ type }) => type === 'azure.event').map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  return ids.slice(0, 1);
}
