import { createCloud } from '../../shared/azure/cloud';
import type { Cloud } from '../../shared/ports';
import { deploy, simulatedCloud, templateOf, type SimulatedCloud } from '../support/simulated-cloud';

/** Enough cores for every test of this file. */
const ROOMY = { settings: { quotaCores: 4000 } };

let simulated: SimulatedCloud;
let cloud: Cloud;

function start(options: Parameters<typeof simulatedCloud>[0] = ROOMY): void {
  simulated = simulatedCloud(options);
  cloud = simulated.cloud;
}

const agentsOf = async (cluster: string) =>
  (await cloud.listMachines(cluster)).filter(({ role }) => role === 'agent').map(({ instanceId }) => instanceId);

const fault = (fields: object) => simulated.control('POST', '/_local/faults', fields);

describe('resource groups', () => {
  beforeEach(() => start());

  it('are made for compute and storage, tagged, and found again by a repeat', async () => {
    expect(await cloud.ensureGroups('demo', 'westeurope')).toEqual({ ok: true });
    expect(await cloud.ensureGroups('demo', 'westeurope')).toEqual({ ok: true });
    const tagged = await cloud.listTagged('demo');
    expect(tagged.map((id) => id.split('/').pop()).sort()).toEqual(['demo-compute', 'demo-storage']);
    expect(await cloud.listTagged('other')).toEqual([]);
  });

  it('of somebody else are refused, before anything is made beside them', async () => {
    await simulated.resources.resourceGroups.createOrUpdate('demo-compute', { location: 'westeurope' });
    expect(await cloud.ensureGroups('demo', 'westeurope')).toMatchObject({ ok: false, code: 'NAME_TAKEN' });
    expect(await cloud.groupExists('demo-storage')).toBe(false);
  });

  it('of somebody else, or of another cluster, are never deleted', async () => {
    await simulated.resources.resourceGroups.createOrUpdate('demo-compute', { location: 'westeurope' });
    await cloud.ensureGroups('other', 'westeurope');
    expect(await cloud.deleteGroup('demo', 'demo-compute')).toBe('foreign');
    expect(await cloud.deleteGroup('demo', 'other-compute')).toBe('foreign');
    expect(await cloud.groupExists('demo-compute')).toBe(true);
  });

  it('are deleted with everything in them, and a repeat tells how it stands', async () => {
    await deploy(simulated, 'demo');
    expect(await cloud.deleteGroup('demo', 'demo-compute')).toBe('begun');
    expect(await cloud.deleteGroup('demo', 'demo-compute')).toBe('begun');
    await expect(cloud.ensureGroups('demo', 'westeurope')).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE' });
    await simulated.until(async () => !(await cloud.groupExists('demo-compute')));
    expect(await cloud.deleteGroup('demo', 'demo-compute')).toBe('absent');
    expect(await cloud.deleteGroup('demo', 'demo-storage')).toBe('begun');
    await simulated.until(async () => (await cloud.listTagged('demo')).length === 0);
    expect(await cloud.listMachines('demo')).toEqual([]);
    expect(await cloud.getScaleSet('demo')).toBeUndefined();
  });
});

describe('a deployment', () => {
  beforeEach(() => start());

  it('is unknown before it was begun', async () => {
    expect(await cloud.getDeployment('demo')).toBeUndefined();
    expect(await cloud.listDeploymentOperations('demo')).toEqual([]);
  });

  it('shows template and parameters as submitted, then the outputs', async () => {
    const { template, parameters } = templateOf('demo');
    await cloud.ensureGroups('demo', 'westeurope');
    expect(await cloud.beginDeployment('demo', template, parameters)).toEqual({ ok: true });
    const running = await cloud.getDeployment('demo');
    expect(running?.state).toBe('running');
    expect(await cloud.getTemplate('demo')).toEqual(JSON.parse(JSON.stringify(template)));
    expect(Object.keys(running?.parameters as object).sort()).toEqual(Object.keys(parameters).sort());
    await simulated.until(async () => (await cloud.getDeployment('demo'))?.state === 'succeeded');
    expect(await cloud.getDeployment('demo')).toMatchObject({
      outputs: { masters: [expect.stringMatching(/azure\.com$/)] },
    });
  });

  it('tells the progress of every resource, those of the nested deployment included', async () => {
    await deploy(simulated, 'demo');
    const progress = await cloud.listDeploymentOperations('demo');
    expect(progress).toContainEqual({
      name: 'agents',
      type: 'Microsoft.Compute/virtualMachineScaleSets',
      state: 'succeeded',
    });
    expect(progress.map(({ type }) => type)).toContain('Microsoft.Storage/storageAccounts');
    expect(progress.filter(({ state }) => state !== 'succeeded')).toEqual([]);
  });

  it('may be begun again while it runs, and after it ended', async () => {
    const { template, parameters } = templateOf('demo');
    await cloud.ensureGroups('demo', 'westeurope');
    await cloud.beginDeployment('demo', template, parameters);
    expect(await cloud.beginDeployment('demo', template, parameters)).toEqual({ ok: true });
    await expect(cloud.beginDeployment('demo', templateOf('demo', 5).template, parameters)).rejects.toMatchObject({
      code: 'AZURE_UNAVAILABLE',
      retryAfterMs: expect.any(Number),
    });
    await simulated.until(async () => (await cloud.getDeployment('demo'))?.state === 'succeeded');
    expect(await cloud.beginDeployment('demo', template, parameters)).toEqual({ ok: true });
  });

  it('that Azure cannot read is refused in Azure’s words', async () => {
    await cloud.ensureGroups('demo', 'westeurope');
    const refusal = await cloud.beginDeployment('demo', { resources: [{ type: 'nonsense' }] }, {});
    expect(refusal).toMatchObject({ ok: false, code: 'DEPLOYMENT_FAILED', message: expect.stringMatching(/^\w+: /) });
  });

  it('beyond the quota is refused at once', async () => {
    start({ settings: { quotaCores: 4 } });
    await cloud.ensureGroups('demo', 'westeurope');
    const { template, parameters } = templateOf('demo', 10);
    const refusal = await cloud.beginDeployment('demo', template, parameters);
    expect(refusal).toMatchObject({ ok: false, code: 'QUOTA_EXCEEDED' });
  });

  it('without capacity fails with the reason that lies deepest', async () => {
    await simulated.control('POST', '/_local/capacity', { size: 'Standard_B2s', available: 1 });
    await deploy(simulated, 'demo');
    const deployment = await cloud.getDeployment('demo');
    expect(deployment).toMatchObject({
      state: 'failed',
      code: 'CAPACITY_UNAVAILABLE',
      message: expect.stringMatching(/AllocationFailed|Overconstrained/),
    });
    const failed = (await cloud.listDeploymentOperations('demo')).filter(({ state }) => state === 'failed');
    expect(failed).toContainEqual(expect.objectContaining({ code: expect.stringMatching(/AllocationFailed/) }));
  });
});

describe('machines', () => {
  beforeAll(async () => {
    start();
    await deploy(simulated, 'demo', 12);
  });

  it('are listed masters first, then agents by number', async () => {
    const machines = await cloud.listMachines('demo');
    expect(machines.map(({ role }) => role)).toEqual(['master', ...Array<string>(12).fill('agent')]);
    const numbers = machines.slice(1).map(({ instanceId }) => Number(instanceId));
    expect(numbers).toEqual([...numbers].sort((left, right) => left - right));
    expect(machines[0]).toMatchObject({
      role: 'master',
      computerName: 'master0',
      provisioning: 'succeeded',
      power: 'running',
    });
    expect(machines[3]).toMatchObject({ role: 'agent', provisioning: 'succeeded', power: 'running' });
    const end = `/virtualMachineScaleSets/agents/virtualMachines/${machines[3]?.instanceId}`;
    expect(machines[3]?.resourceId.endsWith(end)).toBe(true);
    expect(new Set(machines.map(({ vmId }) => vmId)).size).toBe(13);
    for (const { createdAt } of machines) expect(Date.parse(createdAt)).toBeGreaterThan(0);
  });

  it('are read one by one', async () => {
    const [master, agent] = await cloud.listMachines('demo');
    expect(await cloud.getMachine('demo', 'master', 'master0')).toEqual(master);
    expect(await cloud.getMachine('demo', 'agent', agent?.instanceId ?? '')).toEqual(agent);
    expect(await cloud.getMachine('demo', 'agent', '99')).toBeUndefined();
    expect(await cloud.getMachine('nowhere', 'master', 'master0')).toBeUndefined();
  });

  it('of a cluster that is not there are none', async () => {
    expect(await cloud.listMachines('nowhere')).toEqual([]);
  });

  it('cost as many calls to list whether there are few or many of them', async () => {
    simulated.requests.length = 0;
    await cloud.listMachines('demo');
    expect(simulated.requests).toHaveLength(3);
  });
});

describe('the scale set', () => {
  beforeEach(async () => {
    start();
    await deploy(simulated, 'demo', 3);
  });

  it('grows to the capacity asked for', async () => {
    const before = (await cloud.getScaleSet('demo'))!;
    expect(before).toMatchObject({ capacity: 3, provisioning: 'succeeded' });
    expect(await simulated.settle(await cloud.setCapacity('demo', 5, before.etag))).toEqual({ state: 'succeeded' });
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 5 });
    expect(await agentsOf('demo')).toHaveLength(5);
  });

  it('is not changed by who read it before somebody else wrote', async () => {
    const before = (await cloud.getScaleSet('demo'))!;
    await simulated.control('POST', '/_local/scale-sets/demo', { capacity: 4 });
    expect(await cloud.setCapacity('demo', 9, before.etag)).toMatchObject({ ok: false, code: 'SCALE_SET_CONFLICT' });
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 4 });
  });

  it('beyond the quota is refused, or fails with quota as its reason', async () => {
    start({ settings: { quotaCores: 10 } });
    await deploy(simulated, 'demo', 3);
    const begun = await cloud.setCapacity('demo', 50, (await cloud.getScaleSet('demo'))!.etag);
    const end = begun.ok ? await simulated.settle(begun) : begun;
    expect(end).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  });

  it('without capacity fails with capacity as its reason, in Azure’s words', async () => {
    await simulated.control('POST', '/_local/capacity', { size: 'Standard_B2s', available: 0 });
    const begun = await cloud.setCapacity('demo', 6, (await cloud.getScaleSet('demo'))!.etag);
    expect(await simulated.settle(begun)).toMatchObject({
      state: 'failed',
      code: 'CAPACITY_UNAVAILABLE',
      message: expect.stringContaining('AllocationFailed'),
    });
  });

  it('loses exactly the instances named, and its capacity with them', async () => {
    const [first, second, third] = await agentsOf('demo');
    expect(await simulated.settle(await cloud.deleteAgents('demo', [second!]))).toEqual({ state: 'succeeded' });
    expect(await agentsOf('demo')).toEqual([first, third]);
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 2 });
  });

  it('loses the instances it has when others are named too, and nothing by a repeat', async () => {
    const [first, ...others] = await agentsOf('demo');
    for (let repeat = 0; repeat < 2; repeat += 1) {
      const begun = await cloud.deleteAgents('demo', [first!, '77']);
      expect(await simulated.settle(begun)).toEqual({ state: 'succeeded' });
      expect(await agentsOf('demo')).toEqual(others);
      expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 2 });
    }
  });

  it('does not lose capacity twice when a deletion is begun twice', async () => {
    const [first, second] = await agentsOf('demo');
    const begun = await cloud.deleteAgents('demo', [first!, second!]);
    const again = await cloud.deleteAgents('demo', [first!, second!]);
    await simulated.settle(begun);
    if (again.ok) await simulated.settle(again);
    expect(await agentsOf('demo')).toHaveLength(1);
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 1 });
  });

  it.each(['deleteAgents', 'startAgents', 'restartAgents'] as const)(
    '%s of nobody is a bug, not of everybody',
    async (verb) => {
      simulated.requests.length = 0;
      await expect(cloud[verb]('demo', [])).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(simulated.requests).toEqual([]);
    },
  );

  it('restarts and starts the instances named', async () => {
    expect(await simulated.settle(await cloud.restartAgents('demo', (await agentsOf('demo')).slice(1)))).toEqual({
      state: 'succeeded',
    });
    expect(await simulated.settle(await cloud.startAgents('demo', (await agentsOf('demo')).slice(0, 1)))).toEqual({
      state: 'succeeded',
    });
    const booted = simulated.driver.calls.filter((call) => call.startsWith('shutdown'));
    expect(booted).toHaveLength(2);
  });

  it('has a master beside it that can be started', async () => {
    expect(await simulated.settle(await cloud.startMaster('demo', 'master0'))).toEqual({ state: 'succeeded' });
  });
});

it('deletes 250 agents in three calls', async () => {
  start();
  await deploy(simulated, 'demo', 260);
  const ids = (await agentsOf('demo')).slice(0, 250);
  simulated.requests.length = 0;
  const begun = await cloud.deleteAgents('demo', ids);
  expect(simulated.requests).toHaveLength(3);
  expect(await simulated.settle(begun)).toEqual({ state: 'succeeded' });
  expect(await agentsOf('demo')).toHaveLength(10);
});

describe('polling', () => {
  beforeEach(async () => {
    start();
    await deploy(simulated, 'demo', 3);
  });

  it('goes on after a dropped connection, an outage and throttling, each of which is told', async () => {
    const begun = await cloud.restartAgents('demo', await agentsOf('demo'));
    if (!begun.ok) throw new Error(begun.message);
    const path = '/operations/';
    for (const trouble of [{ dropConnection: true }, { status: 503 }, { status: 429, retryAfterSeconds: 40 }]) {
      await fault({ match: { path }, ...trouble });
      const thrown = await cloud.poll(begun.poller).catch((error: unknown) => error);
      expect(thrown).toMatchObject({ name: 'AppError', code: 'AZURE_UNAVAILABLE' });
      if ('retryAfterSeconds' in trouble) expect(thrown).toMatchObject({ retryAfterMs: 40_000 });
      await simulated.control('DELETE', '/_local/faults');
    }
    expect(await simulated.settle(begun)).toEqual({ state: 'succeeded' });
  });

  it('says when to ask again', async () => {
    const begun = await cloud.restartAgents('demo', await agentsOf('demo'));
    if (!begun.ok) throw new Error(begun.message);
    expect(await cloud.poll(begun.poller)).toEqual({ state: 'running', retryAfterMs: expect.any(Number) });
  });

  it('works from another instance of the app, by small plain text without secrets', async () => {
    const begun = await cloud.restartAgents('demo', await agentsOf('demo'));
    if (!begun.ok) throw new Error(begun.message);
    expect(begun.poller.length).toBeLessThan(1000);
    expect(begun.poller).not.toMatch(/Bearer|eyJ/);
    await simulated.clock.advance(120_000);
    expect(await createCloud(simulated.clients).poll(begun.poller)).toEqual({ state: 'succeeded' });
  });

  it('of an operation that Azure has forgotten sends the caller to the listing', async () => {
    start({ settings: { verifyToken: false } }); // tokens live as long as operations are kept
    await deploy(simulated, 'demo', 1);
    const begun = await cloud.restartAgents('demo', await agentsOf('demo'));
    if (!begun.ok) throw new Error(begun.message);
    await simulated.clock.advance(49 * 3_600_000);
    expect(await cloud.poll(begun.poller)).toMatchObject({ state: 'failed', code: 'SCALE_SET_CONFLICT' });
  });

  it('never sends the token anywhere but to Azure', async () => {
    simulated.requests.length = 0;
    await expect(cloud.poll('{"operations":["https://evil.example/x"]}')).rejects.toThrow(/not Azure Resource Manager/);
    expect(simulated.requests).toEqual([]);
  });
});

describe('throttling and refusals', () => {
  beforeEach(async () => {
    start();
    await deploy(simulated, 'demo', 1);
  });

  it('is passed on with the time to wait, and costs no further call', async () => {
    await fault({ match: { path: 'virtualMachineScaleSets' }, status: 429, retryAfterSeconds: 33 });
    simulated.requests.length = 0;
    await expect(cloud.getScaleSet('demo')).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE', retryAfterMs: 33_000 });
    expect(simulated.requests).toHaveLength(1);
  });

  it('a missing right is thrown as such', async () => {
    await fault({ match: { method: 'PATCH' }, status: 403, code: 'LinkedAuthorizationFailed' });
    const { etag } = (await cloud.getScaleSet('demo'))!;
    await expect(cloud.setCapacity('demo', 2, etag)).rejects.toMatchObject({ code: 'AZURE_DENIED' });
  });

  it('a lost answer to a first request is made good by the next try', async () => {
    await fault({ match: { path: 'virtualMachineScaleSets' }, dropConnection: true, times: 1 });
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 1 });
  });
});

describe('quota', () => {
  it('is enough, or it is said which one is short and by how much', async () => {
    start({ settings: { quotaCores: 20 } });
    const need = (count: number) => ({ location: 'westeurope', sizes: [{ size: 'Standard_B2s', count }] });
    expect(await cloud.checkQuota(need(10))).toEqual({ ok: true });
    expect(await cloud.checkQuota(need(11))).toMatchObject({
      ok: false,
      code: 'QUOTA_EXCEEDED',
      message: expect.stringMatching(/westeurope: 22 cores are needed, 0 of 20 are in use/),
    });
    expect(simulated.requests).toHaveLength(2);
  });
});
