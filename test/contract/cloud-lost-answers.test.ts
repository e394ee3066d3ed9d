import type { Outcome } from '../../shared/model/errors';
import type { Begun, Cloud } from '../../shared/ports';
import { deploy, simulatedCloud, templateOf, type SimulatedCloud } from '../support/simulated-cloud';

/** The answer to a write is lost after Azure acted. Whoever does not know asks again, and ends where one write would have ended. */

let simulated: SimulatedCloud;
let cloud: Cloud;

beforeEach(async () => {
  simulated = simulatedCloud();
  cloud = simulated.cloud;
  await deploy(simulated, 'demo', 3);
});

const agents = async () => (await cloud.listMachines('demo')).filter(({ role }) => role === 'agent');
const loseAnswer = (method: string, path: string, times = 1) =>
  simulated.control('POST', '/_local/faults', { match: { method, path }, dropAnswer: true, times });

/** As workflows do it: a conflict or trouble means to look again and repeat. */
async function insisted(write: () => Promise<Outcome<Begun>>): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const begun = await write().catch((error: unknown) => error as Error);
    if (!(begun instanceof Error) && begun.ok) return void (await simulated.settle(begun));
    await simulated.clock.advance(30_000);
  }
  throw new Error('it was never accepted');
}

it('of a new capacity: it is there once', async () => {
  await loseAnswer('PATCH', 'virtualMachineScaleSets/agents');
  const { etag } = (await cloud.getScaleSet('demo'))!;
  expect(await cloud.setCapacity('demo', 5, etag)).toMatchObject({ ok: false, code: 'SCALE_SET_CONFLICT' });
  await insisted(async () => cloud.setCapacity('demo', 5, (await cloud.getScaleSet('demo'))!.etag));
  expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 5 });
  expect(await agents()).toHaveLength(5);
});

it.each([1, 3])(
  '%i times of a deletion: the agents named are gone, and the capacity was lowered once',
  async (times) => {
    const [first, second, third] = (await agents()).map(({ instanceId }) => instanceId);
    await loseAnswer('POST', 'agents/delete', times);
    await insisted(() => cloud.deleteAgents('demo', [first!, second!]));
    await simulated.until(async () => (await agents()).length === 1);
    expect((await agents())[0]).toMatchObject({ instanceId: third });
    expect(await cloud.getScaleSet('demo')).toMatchObject({ capacity: 1 });
  },
);

it('of a deployment: it is the one that was begun', async () => {
  const { template, parameters } = templateOf('demo', 4);
  await loseAnswer('PUT', 'deployments/starling');
  expect(await cloud.beginDeployment('demo', template, parameters)).toEqual({ ok: true });
  await simulated.until(async () => (await cloud.getDeployment('demo'))?.state !== 'running');
  expect(await cloud.getDeployment('demo')).toMatchObject({ state: 'succeeded' });
  expect(await agents()).toHaveLength(4);
});

it('of a stop and a start: the power is what was asked for', async () => {
  const named = (await agents()).map(({ instanceId }) => instanceId);
  await loseAnswer('POST', 'agents/deallocate');
  await insisted(() => cloud.stopAgents('demo', named, { deallocate: true }));
  expect((await agents()).map(({ power }) => power)).toEqual(Array<string>(3).fill('deallocated'));
  await loseAnswer('POST', 'agents/start');
  await insisted(() => cloud.startAgents('demo', named));
  expect((await agents()).map(({ power }) => power)).toEqual(Array<string>(3).fill('running'));
});

it('of a new size: it is in the model', async () => {
  await loseAnswer('PATCH', 'virtualMachineScaleSets/agents');
  await insisted(async () => cloud.setAgentSize('demo', 'Standard_D2s_v5', (await cloud.getScaleSet('demo'))!.etag));
  expect(await cloud.getScaleSet('demo')).toMatchObject({ size: 'Standard_D2s_v5', capacity: 3 });
});

it('of the deletion of a master: it is gone', async () => {
  await loseAnswer('DELETE', 'virtualMachines/master0');
  await insisted(() => cloud.deleteMaster('demo', 'master0'));
  expect(await cloud.getMachine('demo', 'master', 'master0')).toBeUndefined();
});

it('of a command: it runs, and a repeat runs it again', async () => {
  await loseAnswer('POST', 'runCommand');
  const master = { role: 'master', instanceId: 'master0' } as const;
  const busy = { code: 'AZURE_UNAVAILABLE', retryAfterMs: expect.any(Number) };
  await expect(cloud.beginCommand('demo', master, ['true'])).rejects.toMatchObject(busy);
  await simulated.clock.advance(60_000);
  expect(await simulated.settleCommand(await cloud.beginCommand('demo', master, ['true']))).toMatchObject({
    state: 'succeeded',
  });
});

it('of the groups: they are there, tagged', async () => {
  await loseAnswer('PUT', 'resourcegroups/other');
  expect(await cloud.ensureGroups('other', 'westeurope')).toEqual({ ok: true });
  expect(await cloud.ownsGroup('other', 'other-compute')).toBe(true);
});
