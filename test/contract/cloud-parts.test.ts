import type { Cloud } from '../../shared/ports';
import { deploy, simulatedCloud, templateOf, type SimulatedCloud } from '../support/simulated-cloud';

let simulated: SimulatedCloud;
let cloud: Cloud;

beforeEach(() => {
  simulated = simulatedCloud();
  cloud = simulated.cloud;
});

const fault = (fields: object) => simulated.control('POST', '/_local/faults', fields);

async function deployPart(part: 'storage' | 'master0'): Promise<void> {
  const { template, parameters } = templateOf('demo', 3, {}, part);
  expect(await cloud.beginDeployment('demo', template, parameters, part)).toEqual({ ok: true });
  await simulated.until(async () => (await cloud.getDeployment('demo', part))?.state !== 'running');
  expect(await cloud.getDeployment('demo', part)).toMatchObject({ state: 'succeeded' });
}

describe('a part of a cluster', () => {
  it('is a deployment of its own, and leaves the whole one’s as it was', async () => {
    await deploy(simulated, 'demo');
    const before = await cloud.getTemplate('demo');
    await simulated.settle(await cloud.deleteMaster('demo', 'master0'));
    expect(await cloud.getDeployment('demo', 'master0')).toBeUndefined();
    expect(await cloud.listDeploymentOperations('demo', 'master0')).toEqual([]);
    await deployPart('master0');
    expect(await cloud.getTemplate('demo')).toEqual(before);
    const types = (await cloud.listDeploymentOperations('demo', 'master0')).map(({ type }) => type);
    expect(types).toContain('Microsoft.Compute/virtualMachines');
    expect(types).not.toContain('Microsoft.Compute/virtualMachineScaleSets');
  });

  it('makes a deleted master anew under its name and address, and nothing else', async () => {
    await deploy(simulated, 'demo');
    const before = await cloud.listMachines('demo');
    const address = simulated.driver.booted.find(({ name }) => name === 'master0')?.privateIp;
    await simulated.settle(await cloud.deleteMaster('demo', 'master0'));
    await deployPart('master0');
    const after = await cloud.listMachines('demo');
    expect(after.slice(1)).toEqual(before.slice(1));
    expect(after[0]).toMatchObject({ instanceId: 'master0', provisioning: 'succeeded', power: 'running' });
    expect(after[0]!.vmId).not.toBe(before[0]!.vmId);
    expect(simulated.driver.booted.at(-1)?.privateIp).toBe(address);
  });

  it('may be the storage alone, before there is any machine', async () => {
    await cloud.ensureGroups('demo', 'westeurope');
    await deployPart('storage');
    expect(await cloud.listMachines('demo')).toEqual([]);
    expect(await cloud.storageAccess('demo')).toMatchObject({ account: expect.stringMatching(/^stx7k2m/) });
  });
});

describe('the storage of a cluster', () => {
  it('is told with its key, read once for a wave of nodes', async () => {
    await deploy(simulated, 'demo', 1);
    simulated.requests.length = 0;
    const wave = await Promise.all(Array.from({ length: 50 }, () => cloud.storageAccess('demo')));
    expect(new Set(wave.map((access) => JSON.stringify(access))).size).toBe(1);
    expect(Buffer.from(wave[0]!.key, 'base64').length).toBeGreaterThanOrEqual(48);
    expect(simulated.requests.map((request) => request.split('/').pop())).toEqual(['storageAccounts', 'listKeys']);
  });

  it('is unknown before it is made, and found as soon as it is', async () => {
    expect(await cloud.storageAccess('demo')).toBeUndefined();
    await cloud.ensureGroups('demo', 'westeurope');
    expect(await cloud.storageAccess('demo')).toBeUndefined();
    await deploy(simulated, 'demo', 1);
    expect(await cloud.storageAccess('demo')).toBeDefined();
    expect(await cloud.storageAccess('other')).toBeUndefined();
  });

  it('is asked for again after a failure, in whose words no key stands', async () => {
    await deploy(simulated, 'demo', 1);
    await fault({ match: { path: 'listKeys' }, status: 403, code: 'AuthorizationFailed', times: 1 });
    await expect(cloud.storageAccess('demo')).rejects.toMatchObject({ code: 'AZURE_DENIED' });
    await fault({ match: { path: 'listKeys' }, status: 429, retryAfterSeconds: 33, times: 1 });
    const throttled = { code: 'AZURE_UNAVAILABLE', retryAfterMs: 33_000 };
    await expect(cloud.storageAccess('demo')).rejects.toMatchObject(throttled);
    expect(await cloud.storageAccess('demo')).toBeDefined();
  });
});

describe('autoscale', () => {
  const setting = async () =>
    simulated.arm(
      'GET',
      `${(await cloud.listTagged('demo')).find((id) => /-compute$/.test(id))}/providers/Microsoft.Insights/autoscaleSettings/agents-autoscale`,
    );

  it('is let act or not, the rest of the setting stays, and a repeat writes nothing', async () => {
    await deploy(simulated, 'demo', 1, { autoscale: { cpuAbovePercent: 80, cpuBelowPercent: 10 } });
    const before = (await setting()).body as { properties: object };
    for (const enabled of [false, true]) {
      simulated.requests.length = 0;
      expect(await cloud.setAutoscale('demo', enabled)).toEqual({ ok: true });
      expect(await cloud.setAutoscale('demo', enabled)).toEqual({ ok: true });
      expect(simulated.requests.filter((request) => request.startsWith('PATCH'))).toHaveLength(1);
      expect((await setting()).body).toMatchObject({ properties: { ...before.properties, enabled } });
    }
  });

  it('is nothing to do where the cluster has none, or is not there', async () => {
    await deploy(simulated, 'demo', 1);
    expect(await cloud.setAutoscale('demo', false)).toEqual({ ok: true });
    expect(await cloud.setAutoscale('nowhere', false)).toEqual({ ok: true });
  });

  it('that Azure does not answer about is trouble', async () => {
    await fault({ match: { path: 'autoscaleSettings' }, status: 503 });
    await expect(cloud.setAutoscale('demo', false)).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE' });
  });
});

it('a group is owned when it carries the tags of this cluster', async () => {
  await cloud.ensureGroups('demo', 'westeurope');
  await simulated.resources.resourceGroups.createOrUpdate('other-storage', { location: 'westeurope' });
  expect(await cloud.ownsGroup('demo', 'demo-storage')).toBe(true);
  expect(await cloud.ownsGroup('other', 'demo-storage')).toBe(false);
  expect(await cloud.ownsGroup('other', 'other-storage')).toBe(false);
  expect(await cloud.ownsGroup('demo', 'nowhere')).toBe(false);
});

describe('what Azure offers', () => {
  it('in locations: those in which something can be made, by name', async () => {
    const locations = await cloud.listLocations();
    expect(locations).toContainEqual({ name: 'westeurope', displayName: 'West Europe' });
    const names = locations.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    expect(names).not.toContain('europe');
  });

  it('in sizes: smallest first, with what is left of their quota, in two calls', async () => {
    await deploy(simulated, 'demo', 2);
    simulated.requests.length = 0;
    const sizes = await cloud.listSizes('westeurope');
    expect(simulated.requests).toHaveLength(2);
    expect(sizes[0]).toMatchObject({ name: 'Standard_B1s', cores: 1, memoryGiB: 1 });
    const cores = sizes.map((size) => size.cores);
    expect(cores).toEqual([...cores].sort((left, right) => left - right));
    expect(sizes).toContainEqual({
      name: 'Standard_B2s',
      cores: 2,
      memoryGiB: 4,
      quota: { used: 6, limit: 100 },
    });
  });

  it('in sizes: none that the subscription may not use, and none that cannot start the image', async () => {
    const names = (await cloud.listSizes('westeurope')).map(({ name }) => name);
    expect(names).not.toContain('Standard_M8ms');
    expect(names).not.toContain('Standard_A2_v2');
    expect(names).not.toContain('StandardSSD_LRS');
  });

  it('in images: the newest of each kind of processor, at most twenty', async () => {
    const images = await cloud.listImages('westeurope');
    expect(images.length).toBeLessThanOrEqual(20);
    expect(new Set(images.map(({ sku }) => sku))).toEqual(new Set(['server', 'server-arm64']));
    const versions = images.filter(({ sku }) => sku === 'server').map(({ version }) => version);
    expect(versions).toEqual([...versions].sort().reverse());
    const { imageVersion } = templateOf('demo').parameters;
    expect(versions).toContain(imageVersion?.value);
  });

  it.each(['listSizes', 'listImages'] as const)('%s of a location that is none is told as such', async (verb) => {
    await expect(cloud[verb]('atlantis')).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('atlantis'),
    });
    await fault({ match: {}, status: 503 });
    await expect(cloud[verb]('westeurope')).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE' });
  });
});
