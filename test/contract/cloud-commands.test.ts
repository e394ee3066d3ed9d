import { streamsOf } from '../../shared/azure/commands';
import type { Cloud, MachineRef } from '../../shared/ports';
import { deploy, simulatedCloud, type SimulatedCloud } from '../support/simulated-cloud';

const MASTER: MachineRef = { role: 'master', instanceId: 'master0' };
const SCRIPT = ['journalctl -u k3s', 'echo hush-hush'];

let simulated: SimulatedCloud;
let cloud: Cloud;
let agent: MachineRef;

beforeEach(async () => {
  simulated = simulatedCloud();
  cloud = simulated.cloud;
  await deploy(simulated, 'demo', 1);
  const [, found] = await cloud.listMachines('demo');
  agent = { role: 'agent', instanceId: found!.instanceId };
});

const fault = (fields: object) => simulated.control('POST', '/_local/faults', fields);

it.each(['master', 'agent'])('a command on a %s answers what it printed', async (role) => {
  const begun = await cloud.beginCommand('demo', role === 'master' ? MASTER : agent, SCRIPT);
  expect(await simulated.settleCommand(begun)).toEqual({
    state: 'succeeded',
    stdout: `ran ${SCRIPT.join(';')}`,
    stderr: '',
  });
});

it('takes half a minute, and is polled by small text in which nothing of the script stands', async () => {
  const begun = await cloud.beginCommand('demo', MASTER, SCRIPT);
  if (!begun.ok) throw new Error(begun.message);
  expect(await cloud.pollCommand(begun.poller)).toEqual({ state: 'running', retryAfterMs: expect.any(Number) });
  expect(begun.poller.length).toBeLessThan(1000);
  expect(begun.poller).not.toMatch(/hush|journalctl|Bearer|eyJ/);
});

it('is kept nowhere in Azure’s state once it ran', async () => {
  await simulated.settleCommand(await cloud.beginCommand('demo', MASTER, SCRIPT));
  const { body } = await simulated.control('GET', '/_local/state');
  expect(JSON.stringify(body)).not.toMatch(/hush/);
});

it('is refused while another one runs on the machine, with the time to wait, and not on another machine', async () => {
  await cloud.beginCommand('demo', MASTER, SCRIPT);
  const busy = { code: 'AZURE_UNAVAILABLE', retryAfterMs: expect.any(Number) };
  await expect(cloud.beginCommand('demo', MASTER, SCRIPT)).rejects.toMatchObject(busy);
  expect(await cloud.beginCommand('demo', agent, SCRIPT)).toMatchObject({ ok: true });
  await simulated.clock.advance(60_000);
  expect(await cloud.beginCommand('demo', MASTER, SCRIPT)).toMatchObject({ ok: true });
});

it('waits until the machine is no longer being changed', async () => {
  await cloud.restartMaster('demo', 'master0');
  await expect(cloud.beginCommand('demo', MASTER, SCRIPT)).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE' });
});

it('fails on a machine that is off, and on one that is not there', async () => {
  await simulated.settle(await cloud.stopMaster('demo', 'master0', { deallocate: true }));
  const failed = { ok: false, code: 'COMMAND_FAILED' };
  expect(await cloud.beginCommand('demo', MASTER, SCRIPT)).toMatchObject(failed);
  expect(await cloud.beginCommand('demo', { role: 'agent', instanceId: '77' }, SCRIPT)).toMatchObject(failed);
  expect(await cloud.beginCommand('nowhere', MASTER, SCRIPT)).toMatchObject(failed);
});

it('is given up long before Azure gives up on a machine that does not answer', async () => {
  await simulated.control('POST', '/_local/instances/demo/master0/hang');
  const begun = await cloud.beginCommand('demo', MASTER, SCRIPT);
  if (!begun.ok) throw new Error(begun.message);
  await simulated.clock.advance(16 * 60_000);
  expect(await cloud.pollCommand(begun.poller)).toMatchObject({ state: 'running' });
  const late = JSON.stringify({ ...JSON.parse(begun.poller), giveUpAt: new Date(0).toISOString() });
  expect(await cloud.pollCommand(late)).toEqual({
    state: 'failed',
    code: 'COMMAND_FAILED',
    message: expect.stringMatching(/did not answer within 15 minutes/),
  });
});

it('whose machine is deleted meanwhile fails', async () => {
  const begun = await cloud.beginCommand('demo', MASTER, SCRIPT);
  await simulated.control('POST', '/_local/instances/demo/master0/vanish');
  expect(await simulated.settleCommand(begun)).toMatchObject({ state: 'failed', code: 'COMMAND_FAILED' });
});

it('goes on after an outage, which is told', async () => {
  const begun = await cloud.beginCommand('demo', MASTER, SCRIPT);
  if (!begun.ok) throw new Error(begun.message);
  await fault({ match: { path: '/operations/' }, status: 429, retryAfterSeconds: 40 });
  const throttled = { code: 'AZURE_UNAVAILABLE', retryAfterMs: 40_000 };
  await expect(cloud.pollCommand(begun.poller)).rejects.toMatchObject(throttled);
  await simulated.control('DELETE', '/_local/faults');
  expect(await simulated.settleCommand(begun)).toMatchObject({ state: 'succeeded' });
});

it('that prints more than Azure keeps shows its end', async () => {
  simulated.driver.runCommand = async () => ({ stdout: `${'a'.repeat(5000)}end`, stderr: 'b'.repeat(9000) });
  const end = await simulated.settleCommand(await cloud.beginCommand('demo', MASTER, SCRIPT));
  expect(end).toEqual({ state: 'succeeded', stdout: `${'a'.repeat(4093)}end`, stderr: 'b'.repeat(4096) });
});

it.each([
  ['Enable succeeded: \n[stdout]\none\ntwo\n\n[stderr]\nthree\n', { stdout: 'one\ntwo\n', stderr: 'three\n' }],
  ['Enable succeeded: \n[stdout]\n\n[stderr]\n', { stdout: '', stderr: '' }],
  ['Enable succeeded: \n[stdout]\na\n[stderr]\nb\n\n[stderr]\n', { stdout: 'a\n[stderr]\nb\n', stderr: '' }],
  ['Some other words', { stdout: 'Some other words', stderr: '' }],
])('of %j the streams are told apart', (message, streams) => {
  expect(streamsOf(message)).toEqual(streams);
});
