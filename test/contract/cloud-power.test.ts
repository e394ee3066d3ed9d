import type { Cloud } from '../../shared/ports';
import { deploy, simulatedCloud, type SimulatedCloud } from '../support/simulated-cloud';

const DONE = { state: 'succeeded' };
const OFF = { deallocate: false };
const FREED = { deallocate: true };

let simulated: SimulatedCloud;
let cloud: Cloud;

async function start(agents = 3, changes: Parameters<typeof deploy>[3] = {}, quotaCores = 4000): Promise<void> {
  simulated = simulatedCloud({ settings: { quotaCores } });
  cloud = simulated.cloud;
  await deploy(simulated, 'demo', agents, changes);
}

const agents = async () => (await cloud.listMachines('demo')).filter(({ role }) => role === 'agent');
const ids = async () => (await agents()).map(({ instanceId }) => instanceId);
const powers = async () => (await agents()).map(({ power }) => power);
const master = () => cloud.getMachine('demo', 'master', 'master0');
const fault = (fields: object) => simulated.control('POST', '/_local/faults', fields);

type Verb = (instanceIds: string[], cluster?: string) => ReturnType<Cloud['startAgents']>;
const REMOVING: [name: string, verb: Verb] = ['deleting', (named, on = 'demo') => cloud.deleteAgents(on, named)];
const RENEWING: [name: string, verb: Verb][] = [
  ['starting', (named, on = 'demo') => cloud.startAgents(on, named)],
  ['restarting', (named, on = 'demo') => cloud.restartAgents(on, named)],
  ['powering off', (named, on = 'demo') => cloud.stopAgents(on, named, OFF)],
  ['deallocating', (named, on = 'demo') => cloud.stopAgents(on, named, FREED)],
  ['reimaging', (named, on = 'demo') => cloud.reimageAgents(on, named)],
  ['updating', (named, on = 'demo') => cloud.updateAgents(on, named)],
];

describe('power of agents', () => {
  beforeEach(() => start());

  it('goes off and comes back, capacity and instances stay', async () => {
    const [first, second, third] = await ids();
    expect(await simulated.settle(await cloud.stopAgents('demo', [first!], OFF))).toEqual(DONE);
    expect(await simulated.settle(await cloud.stopAgents('demo', [second!], FREED))).toEqual(DONE);
    expect(await powers()).toEqual(['stopped', 'deallocated', 'running']);
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 3 });
    expect(await simulated.settle(await cloud.startAgents('demo', [first!, second!]))).toEqual(DONE);
    expect(await powers()).toEqual(['running', 'running', 'running']);
    expect(await ids()).toEqual([first, second, third]);
  });

  it('is seen on its way', async () => {
    const [first, second] = await ids();
    await cloud.stopAgents('demo', [first!], OFF);
    await cloud.stopAgents('demo', [second!], FREED);
    expect(await powers()).toEqual(['stopping', 'deallocating', 'running']);
    await simulated.clock.advance(60_000);
    await cloud.startAgents('demo', [first!]);
    expect(await powers()).toEqual(['starting', 'deallocated', 'running']);
  });

  it('lets guests stop their services first', async () => {
    const [first] = await agents();
    await simulated.settle(await cloud.stopAgents('demo', [first!.instanceId], OFF));
    expect(simulated.driver.calls).toContain(`shutdown ${first!.vmId} graceful`);
  });

  it('is not turned down to stopped by a power-off of what is deallocated', async () => {
    const named = await ids();
    await simulated.settle(await cloud.stopAgents('demo', named, FREED));
    expect(await simulated.settle(await cloud.stopAgents('demo', named, OFF))).toEqual(DONE);
    expect(await powers()).toEqual(['deallocated', 'deallocated', 'deallocated']);
  });

  it('does not come back where Azure has no room, which is said in its words', async () => {
    const [first] = await ids();
    await simulated.settle(await cloud.stopAgents('demo', [first!], FREED));
    await simulated.control('POST', '/_local/capacity', { size: 'Standard_B2s', available: 0 });
    expect(await simulated.settle(await cloud.startAgents('demo', [first!]))).toMatchObject({
      state: 'failed',
      code: 'CAPACITY_UNAVAILABLE',
      message: expect.stringContaining('AllocationFailed'),
    });
    expect((await agents())[0]).toMatchObject({ provisioning: 'failed', power: 'deallocated' });
  });
});

describe('a reimage', () => {
  beforeEach(() => start());

  it('empties the disk and boots; vmId and instance id stay', async () => {
    const [before] = await agents();
    expect(await simulated.settle(await cloud.reimageAgents('demo', [before!.instanceId]))).toEqual(DONE);
    expect((await agents())[0]).toEqual(before);
    const calls = simulated.driver.calls.slice(-3);
    expect(calls).toEqual([`shutdown ${before!.vmId} hard`, `wipe ${before!.vmId}`, `boot ${before!.vmId}`]);
  });
});

describe('the size of agents', () => {
  beforeEach(() => start());

  const resize = async (size: string) => cloud.setAgentSize('demo', size, (await cloud.getScaleSet('demo'))!.etag);

  it('is written into the model first, and reaches an agent by an update, which restarts it', async () => {
    const [first] = await agents();
    expect(await simulated.settle(await resize('Standard_D2s_v5'))).toEqual(DONE);
    expect(await cloud.getScaleSet('demo')).toMatchObject({ size: 'Standard_D2s_v5', capacity: 3 });
    expect((await agents()).map(({ size }) => size)).toEqual(Array<string>(3).fill('Standard_B2s'));
    simulated.driver.calls.length = 0;
    expect(await simulated.settle(await cloud.updateAgents('demo', [first!.instanceId]))).toEqual(DONE);
    expect((await agents()).map(({ size }) => size)).toEqual(['Standard_D2s_v5', 'Standard_B2s', 'Standard_B2s']);
    expect(simulated.driver.calls).toEqual([`shutdown ${first!.vmId} graceful`, `boot ${first!.vmId}`]);
  });

  it('does not change by a reimage, and does not wake what is off', async () => {
    const named = await ids();
    await simulated.settle(await resize('Standard_D2s_v5'));
    await simulated.settle(await cloud.reimageAgents('demo', named.slice(0, 1)));
    await simulated.settle(await cloud.stopAgents('demo', named.slice(1, 2), FREED));
    await simulated.settle(await cloud.updateAgents('demo', named.slice(1, 2)));
    expect((await agents()).map(({ size }) => size)).toEqual(['Standard_B2s', 'Standard_D2s_v5', 'Standard_B2s']);
    expect(await powers()).toEqual(['running', 'deallocated', 'running']);
  });

  it('repeats the capacity, only as long as nobody else has written', async () => {
    const written: unknown[] = [];
    const { etag } = (await cloud.getScaleSet('demo'))!;
    const { compute } = simulated.clients;
    compute().pipeline.addPolicy({
      name: 'read-bodies',
      sendRequest(request, next) {
        if (request.method === 'PATCH')
          written.push([JSON.parse(String(request.body)), request.headers.get('if-match')]);
        return next(request);
      },
    });
    await resize('Standard_D2s_v5');
    expect(written).toEqual([[{ sku: { name: 'Standard_D2s_v5', tier: 'Standard', capacity: 3 } }, etag]]);
  });

  it('is not changed by who read the set before somebody else wrote', async () => {
    const { etag } = (await cloud.getScaleSet('demo'))!;
    await simulated.control('POST', '/_local/scale-sets/demo', { capacity: 4 });
    const stale = await cloud.setAgentSize('demo', 'Standard_D2s_v5', etag);
    expect(stale).toMatchObject({ ok: false, code: 'SCALE_SET_CONFLICT' });
  });

  it('without room leaves the agent as it was, and says why', async () => {
    const [first] = await agents();
    await simulated.settle(await resize('Standard_D2s_v5'));
    await simulated.control('POST', '/_local/capacity', { size: 'Standard_D2s_v5', available: 0 });
    expect(await simulated.settle(await cloud.updateAgents('demo', [first!.instanceId]))).toMatchObject({
      state: 'failed',
      code: 'CAPACITY_UNAVAILABLE',
    });
    expect((await agents())[0]).toMatchObject({ size: 'Standard_B2s', provisioning: 'failed', power: 'running' });
  });

  it('beyond the quota is refused', async () => {
    await start(3, {}, 10);
    const named = await ids();
    await simulated.settle(await resize('Standard_D8s_v5'));
    expect(await cloud.updateAgents('demo', named)).toMatchObject({ ok: false, code: 'QUOTA_EXCEEDED' });
  });

  it('that this subscription may not use is refused', async () => {
    expect(await resize('Standard_M8ms')).toMatchObject({ ok: false, code: 'CAPACITY_UNAVAILABLE' });
  });
});

describe.each([REMOVING, ...RENEWING])('%s agents', (_name, verb) => {
  beforeAll(() => start());

  it('of nobody is a bug, not of everybody', async () => {
    simulated.requests.length = 0;
    await expect(verb([])).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(simulated.requests).toEqual([]);
  });

  it('leaves out what Azure does not know', async () => {
    expect(await simulated.settle(await verb(['77', '78']))).toEqual(DONE);
    expect(await powers()).toEqual(['running', 'running', 'running']);
  });

  it('of a cluster that is not there is nothing to wait for', async () => {
    expect(await verb(await ids(), 'nowhere')).toEqual({ ok: true, poller: '{"operations":[]}' });
  });

  it('waits for nobody when it is throttled', async () => {
    await fault({ match: { method: 'POST' }, status: 429, retryAfterSeconds: 33 });
    await expect(verb(await ids())).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE', retryAfterMs: 33_000 });
    await simulated.control('DELETE', '/_local/faults');
  });

  it('takes one call for each hundred, and as many to see it done however many there are', async () => {
    await start(210);
    const named = await ids();
    simulated.requests.length = 0;
    const begun = await verb(named);
    expect(simulated.requests).toHaveLength(3);
    await simulated.clock.advance(600_000);
    expect(await cloud.poll((begun as { poller: string }).poller)).toEqual(DONE);
    expect(simulated.requests).toHaveLength(6);
  }, 20_000);
});

describe.each(RENEWING)('%s agents', (_name, verb) => {
  it('is refused while another operation is under way on one of them', async () => {
    await start(2);
    const named = await ids();
    await cloud.restartAgents('demo', named.slice(1));
    expect(await verb(named)).toMatchObject({ ok: false, code: 'SCALE_SET_CONFLICT' });
  });
});

describe('an eviction', () => {
  it.each([
    ['Delete', ['running', 'running'], 2],
    ['Deallocate', ['deallocated', 'running', 'running'], 3],
  ] as const)('takes a Spot agent away by the policy %s', async (policy, left, capacity) => {
    await start(3, { priority: 'Spot', maxPrice: -1 });
    for (const { vmId } of await agents()) {
      const machine = simulated.azure.machineByVmId(vmId)!;
      simulated.store.put('machines', machine.id.toLowerCase(), { ...machine, evictionPolicy: policy });
    }
    expect(await cloud.simulateEviction('demo', (await ids())[0]!)).toEqual({ ok: true });
    await simulated.clock.advance(60_000);
    expect(await powers()).toEqual(left);
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity });
  });

  it('of a Regular agent, and of one that is not there, is refused', async () => {
    await start(1);
    const [first] = await ids();
    expect(await cloud.simulateEviction('demo', first!)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(await cloud.simulateEviction('demo', '77')).toMatchObject({ ok: false, code: 'NODE_NOT_FOUND' });
    await fault({ match: { path: 'simulateEviction' }, status: 503 });
    await expect(cloud.simulateEviction('demo', first!)).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE' });
  });
});

describe('a master', () => {
  beforeEach(() => start(1));

  it('goes off and comes back, restarts, and is the same afterwards', async () => {
    const before = await master();
    expect(await simulated.settle(await cloud.stopMaster('demo', 'master0', OFF))).toEqual(DONE);
    expect(await master()).toMatchObject({ power: 'stopped' });
    expect(await simulated.settle(await cloud.stopMaster('demo', 'master0', FREED))).toEqual(DONE);
    expect(await master()).toMatchObject({ power: 'deallocated' });
    expect(await simulated.settle(await cloud.startMaster('demo', 'master0'))).toEqual(DONE);
    expect(await simulated.settle(await cloud.restartMaster('demo', 'master0'))).toEqual(DONE);
    expect(await master()).toEqual(before);
  });

  it('is refused while another operation is under way on it', async () => {
    await cloud.restartMaster('demo', 'master0');
    const conflict = { ok: false, code: 'SCALE_SET_CONFLICT' };
    expect(await cloud.stopMaster('demo', 'master0', OFF)).toMatchObject(conflict);
    expect(await cloud.startMaster('demo', 'master0')).toMatchObject(conflict);
  });

  it('is deleted with its disk and network card; its address stays, and a repeat finds nothing to do', async () => {
    const ofMaster = async () =>
      (await cloud.listTagged('demo')).map((id) => id.split('/').pop()!).filter((name) => name.startsWith('master0'));
    expect((await ofMaster()).map((name) => name.replace(/[0-9a-f]{32}$/, '')).sort()).toEqual([
      'master0',
      'master0-address',
      'master0-interface',
      'master0_OsDisk_1_',
    ]);
    for (let repeat = 0; repeat < 2; repeat += 1) {
      expect(await simulated.settle(await cloud.deleteMaster('demo', 'master0'))).toEqual(DONE);
      expect(await master()).toBeUndefined();
      expect(await ofMaster()).toEqual(['master0-address']);
    }
  });

  it('that is not there needs nothing done to it', async () => {
    const nothing = { ok: true, poller: '{"operations":[]}' };
    for (const cluster of ['demo', 'nowhere']) {
      expect(await cloud.startMaster(cluster, 'master4')).toEqual(nothing);
      expect(await cloud.stopMaster(cluster, 'master4', OFF)).toEqual(nothing);
      expect(await cloud.restartMaster(cluster, 'master4')).toEqual(nothing);
      expect(await cloud.deleteMaster(cluster, 'master4')).toEqual(nothing);
    }
  });
});
