import { CLUSTER_NAME, clusterOfGroup, computeGroup, storageGroup } from '../../shared/model/cluster';
import { masterFqdn, secretNames, uniqueSuffix } from '../../shared/model/names';
import { clusterOfOperation, operationId } from '../../shared/model/operation';

const SUBSCRIPTION = '57A71196-0000-4000-8000-000000000001';
const LONGEST = `a${'b'.repeat(23)}`;

describe('the name of a cluster', () => {
  test.each(['abc', 'demo', 'a-1', LONGEST])('may be %s', (name) => expect(name).toMatch(CLUSTER_NAME));
  test.each(['', 'ab', 'Demo', '1ab', '-ab', 'ab-', 'a_b', 'a.b', '../x', 'a b', `${LONGEST}b`, 'demo\n'])(
    'may not be %j',
    (name) => expect(name).not.toMatch(CLUSTER_NAME),
  );
});

describe('the groups of a cluster', () => {
  test.each([computeGroup('demo'), storageGroup('demo'), 'DEMO-COMPUTE', 'Demo-Storage'])('%s is of demo', (group) =>
    expect(clusterOfGroup(group)).toBe('demo'),
  );
  it('keep a name apart that itself ends like a group', () => {
    expect(clusterOfGroup(computeGroup('demo-storage'))).toBe('demo-storage');
  });
  test.each(['demo', 'demo-network', '-compute', '1x-compute', `${LONGEST}b-compute`, 'demo-compute-x'])(
    '%s is of no cluster',
    (group) => expect(clusterOfGroup(group)).toBeUndefined(),
  );
});

describe('public names', () => {
  it('are unique per subscription, whatever its casing, without showing it', () => {
    const suffix = uniqueSuffix(SUBSCRIPTION, 'demo');
    expect(suffix).toMatch(/^[a-z0-9]{7}$/);
    expect(uniqueSuffix(SUBSCRIPTION.toLowerCase(), 'demo')).toBe(suffix);
    expect(uniqueSuffix(SUBSCRIPTION, 'demo2')).not.toBe(suffix);
    expect(uniqueSuffix('57a71196-0000-4000-8000-000000000002', 'demo')).not.toBe(suffix);
  });

  it('fit into a DNS label for the longest name', () => {
    const fqdn = masterFqdn(LONGEST, 'westeurope', uniqueSuffix(SUBSCRIPTION, LONGEST), 4);
    expect(fqdn).toMatch(/^[a-z][a-z0-9-]{1,61}[a-z0-9]\.westeurope\.cloudapp\.azure\.com$/);
  });

  it('of secrets are legal in Key Vault and different', () => {
    const names = Object.values(secretNames(LONGEST));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[0-9a-zA-Z-]{1,127}$/);
  });
});

describe('the id of an operation', () => {
  it('leads back to its cluster, also where the name has hyphens', () => {
    expect(clusterOfOperation(operationId('my-demo', 'scale', 'x1'))).toBe('my-demo');
  });
});
