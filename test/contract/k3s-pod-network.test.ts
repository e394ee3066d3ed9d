import { nextPodCidr } from '../../local/engines/k3s/pod-network';
import { k3sFixture, type K3sFixture } from './k3s-fixture';

describe('pod networks of a k3s cluster', () => {
  let k3s: K3sFixture;
  afterEach(() => k3s.close());

  const nodes = async () =>
    Object.fromEntries(
      (await k3s.api.listNode()).items.map(({ metadata, spec, status }) => [
        metadata?.name,
        [spec?.podCIDR, status?.conditions?.find(({ type }) => type === 'Ready')?.status],
      ]),
    );

  it('end with the cluster network: a node too many is not ready until another is deleted', async () => {
    k3s = await k3sFixture({ clusterCidr: '10.128.0.0/23' });
    for (const name of ['a1', 'a2']) expect(k3s.k3s.joinAgent(k3s.agent(name)).ok).toBe(true);
    await k3s.clock.advance(60_000);
    expect(await nodes()).toEqual({
      master0: ['10.128.0.0/24', 'True'],
      a1: ['10.128.1.0/24', 'True'],
      a2: [undefined, 'False'],
    });
    k3s.k3s.stopKubelet('blue', 'a1', 'machine of a1', true);
    await k3s.api.deleteNode({ name: 'a1' });
    await k3s.clock.advance(20_000);
    expect(await nodes()).toEqual({ master0: ['10.128.0.0/24', 'True'], a2: ['10.128.1.0/24', 'True'] });
  });

  it('are 256 by default, and many more in the network that the product gives', async () => {
    k3s = await k3sFixture();
    expect((await nodes()).master0).toEqual(['10.42.0.0/24', 'True']);
    const all = new Set(Array.from({ length: 256 }, (_, index) => nextPodCidr(undefined, index, () => new Set())));
    expect(all.size).toBe(256);
    expect(nextPodCidr(undefined, 256, () => all as Set<string>)).toBeUndefined();
    expect(nextPodCidr('10.128.0.0/13', 2_047, () => new Set())).toBe('10.135.255.0/24');
    expect(nextPodCidr('10.128.0.0/13', 2_048, () => new Set(['10.128.0.0/24']))).toBe('10.128.1.0/24');
  });
});
