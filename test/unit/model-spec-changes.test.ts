import type { ClusterSpec } from '../../shared/model/cluster';
import { compareSpecs, isPolicyOnly } from '../../shared/model/spec-changes';
import { clusterSpec } from '../support/records';

const SSH = { publicKey: 'ssh-ed25519 AAAA somebody', from: ['203.0.113.7/32'] };
const spec = clusterSpec({ ssh: SSH });
const withAgents = (changes: Partial<ClusterSpec['agents']>): ClusterSpec => ({
  ...spec,
  agents: { ...spec.agents, ...changes },
});

describe('what cannot change in a living cluster', () => {
  const fixed = (after: ClusterSpec, hasMachines = true): string[] =>
    compareSpecs(spec, after, hasMachines).immutable.map(({ field }) => field);

  test.each<[string, ClusterSpec]>([
    ['engine', { ...spec, engine: 'swarm' }],
    ['location', { ...spec, location: 'northeurope' }],
    ['masters.count', { ...spec, masters: { ...spec.masters, count: 3 } }],
    ['masters.size', { ...spec, masters: { ...spec.masters, size: 'Standard_B4ms' } }],
    ['agents.priority', withAgents({ priority: 'Spot' })],
    ['storage', { ...spec, storage: { ...spec.storage, mountAt: '/mnt' } }],
    ['ssh.publicKey', { ...spec, ssh: { ...spec.ssh!, publicKey: 'ssh-ed25519 BBBB somebody' } }],
    ['ssh.port', { ...spec, ssh: { ...spec.ssh!, port: 2222 } }],
  ])('is %s, and it is named', (field, after) => expect(fixed(after)).toEqual([field]));

  it('names every field when several changed, with a reason each', () => {
    const after = { ...spec, location: 'northeurope', ssh: null };
    expect(fixed(after)).toEqual(['location', 'ssh.publicKey', 'ssh.port']);
    expect(compareSpecs(spec, after).immutable.every(({ reason }) => reason.length > 10)).toBe(true);
  });

  it('is only the place and the shares before there are machines', () => {
    const after = { ...clusterSpec({ location: 'northeurope', masters: { count: 3 } }), ssh: null };
    expect(fixed(after, false)).toEqual(['location']);
  });
});

describe('a changed spec', () => {
  test.each<[string, ClusterSpec]>([
    ['ingress', { ...spec, ingress: { from: ['203.0.113.0/24'] } }],
    ['ssh.from', { ...spec, ssh: { ...spec.ssh!, from: ['203.0.113.8/32'] } }],
    ['agents.maxPrice', withAgents({ maxPrice: 0.1 })],
    ['agents.diskGiB', withAgents({ diskGiB: 64 })],
    ['agents.autoscale', withAgents({ autoscale: { cpuAbovePercent: 80, cpuBelowPercent: 10 } })],
  ])('of %s takes a new submission of the template', (field, after) =>
    expect(compareSpecs(spec, after)).toEqual({ immutable: [], template: [field] }),
  );

  it('of the limits does so where Azure’s autoscale has a copy of them', () => {
    const autoscale = { cpuAbovePercent: 80, cpuBelowPercent: 10 };
    const changes = compareSpecs(withAgents({ autoscale }), withAgents({ autoscale, max: 20 }));
    expect(changes).toEqual({ immutable: [], template: ['agents.autoscale'] });
  });

  it('of version, size and number names each', () => {
    const after = { ...withAgents({ size: 'Standard_B4ms', count: 5 }), version: 'v1.36.3+k3s1' };
    expect(compareSpecs(spec, after)).toEqual({
      immutable: [],
      template: [],
      version: 'v1.36.3+k3s1',
      size: 'Standard_B4ms',
      agents: 5,
    });
  });

  it('of limits, drift and chaos is a row only', () => {
    const after = { ...withAgents({ min: 1, max: 20 }), drift: 'adopt' as const };
    expect(isPolicyOnly(compareSpecs(spec, after))).toBe(true);
    expect(isPolicyOnly(compareSpecs(spec, withAgents({ count: 4 })))).toBe(false);
  });
});
