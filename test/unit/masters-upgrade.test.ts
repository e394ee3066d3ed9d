import { beginMasterCommand, pollMasterCommand } from '../../orchestrations/activities/masters-commands';
import { observeMasters, pickOutdated, writeVersion } from '../../orchestrations/activities/masters-view';
import type { MasterCommand } from '../../orchestrations/contracts';
import { refuse } from '../../shared/model/errors';
import { HELD, masterWorld, OPERATION } from '../support/master-world';
import { nodeRecord } from '../support/records';

const NEXT = 'v1.36.3+k3s1';
const ALL: MasterCommand[] = [
  { kind: 'snapshot', name: 'starling-a' },
  { kind: 'upgrade', version: NEXT },
  { kind: 'rotate' },
];

describe('a look at the masters', () => {
  it('calls ready what both the registry and the engine call so, and knows their versions', async () => {
    const world = masterWorld(['ready', 'ready', 'ready']);
    world.engineNodes[1]!.ready = false;
    world.engineNodes[2]!.version = NEXT;
    const view = await observeMasters(world, { cluster: 'demo', cause: OPERATION });
    expect(view).toMatchObject({ count: 3, engineReachable: true, phase: 'degraded' });
    expect(view.masters).toEqual([
      { name: 'master0', ready: true, version: 'v1.36.2+k3s1' },
      { name: 'master1', ready: false, version: 'v1.36.2+k3s1' },
      { name: 'master2', ready: true, version: NEXT },
    ]);
  });

  it('lists one that is lost altogether, with no version', async () => {
    const world = masterWorld(['ready', 'ready', 'ready']);
    world.machines.pop();
    world.engineNodes.pop();
    const { masters } = await observeMasters(world, { cluster: 'demo', cause: OPERATION });
    expect(masters[2]).toEqual({ name: 'master2', ready: false, version: '' });
  });
});

describe('a command on a master', () => {
  it.each(ALL)('runs what is on it already, for a limited time: %j', async (command) => {
    const world = masterWorld(['ready']);
    expect(await beginMasterCommand(world, { ...HELD, name: 'master0', command })).toMatchObject({ ok: true });
    expect(world.calls).toEqual([
      expect.stringMatching(/^command master0 timeout 840 \/usr\/local\/(bin\/k3s|lib\/starling\/starling-\w+\.sh)\b/),
    ]);
    expect(world.told).toMatchObject([{ type: `master.${command.kind}`, subject: 'master0', cause: OPERATION }]);
  });

  it('is not given by an operation that was pre-empted', async () => {
    const world = masterWorld(['ready'], 'demo.destroy.b');
    const given = await beginMasterCommand(world, { ...HELD, name: 'master0', command: { kind: 'rotate' } });
    expect(given).toMatchObject({ ok: false, code: 'CANCELLED' });
    expect(world.calls).toEqual([]);
  });

  it('that cannot be begun says why, by what it was for', async () => {
    const world = masterWorld(['ready']);
    world.cloud.beginCommand = async () => refuse('COMMAND_FAILED', 'the VM is not running');
    const codes = [];
    for (const command of ALL) codes.push(await beginMasterCommand(world, { ...HELD, name: 'master0', command }));
    expect(codes).toMatchObject(
      ['SNAPSHOT_FAILED', 'COMMAND_FAILED', 'COMMAND_FAILED'].map((code) => ({
        code,
        message: 'the VM is not running',
      })),
    );
  });

  it.each([
    ['its last line', 'level=info\nstarling-upgrade: done v1.36.3+k3s1\n', '', { state: 'succeeded' }],
    ['another version', 'starling-upgrade: done v1.36.2+k3s1\n', '', { state: 'failed', code: 'COMMAND_FAILED' }],
    ['words after it', 'starling-upgrade: done v1.36.3+k3s1\nkilled\n', '', { state: 'failed' }],
    ['an error', '', 'sha256 is wrong\n', { state: 'failed', code: 'COMMAND_FAILED', message: 'sha256 is wrong' }],
    ['nothing', '', '', { state: 'failed', message: 'the script ended without a word' }],
  ])('is judged by what its script said: %s', async (_, stdout, stderr, expected) => {
    const world = masterWorld(['ready']);
    world.cloud.pollCommand = async () => ({ state: 'succeeded', stdout, stderr });
    expect(await pollMasterCommand(world, { poller: 'p', command: ALL[1]! })).toMatchObject(expected);
  });

  it('whose snapshot failed says so with the end of its error', async () => {
    const world = masterWorld(['ready']);
    const stderr = `${'noise '.repeat(200)}no space left on device`;
    world.cloud.pollCommand = async () => ({ state: 'succeeded', stdout: '', stderr });
    const polled = await pollMasterCommand(world, { poller: 'p', command: ALL[0]! });
    expect(polled).toMatchObject({ state: 'failed', code: 'SNAPSHOT_FAILED', message: /no space left on device$/ });
    expect(JSON.stringify(polled).length).toBeLessThan(500);
  });

  it('that still runs is asked again', async () => {
    const world = masterWorld(['ready']);
    world.cloud.pollCommand = async () => ({ state: 'running', retryAfterMs: 1 });
    expect(await pollMasterCommand(world, { poller: 'p', command: ALL[0]! })).toMatchObject({ state: 'running' });
  });
});

describe('the version of new nodes', () => {
  it('is written once, and told with its cause', async () => {
    const world = masterWorld(['ready']);
    await writeVersion(world, { ...HELD, version: NEXT });
    await writeVersion(world, { ...HELD, version: NEXT });
    expect(world.cluster.spec.version).toBe(NEXT);
    expect(world.told).toMatchObject([{ type: 'cluster.version', cause: OPERATION }]);
  });

  it('is not changed by an operation that was pre-empted', async () => {
    const world = masterWorld(['ready'], 'demo.destroy.b');
    await writeVersion(world, { ...HELD, version: NEXT });
    expect(world.cluster.spec.version).not.toBe(NEXT);
    expect(world.told).toEqual([]);
  });
});

it('agents to upgrade are those whose engine has another version; parked ones are only counted', async () => {
  const world = masterWorld(['ready']);
  const registeredAt = '2026-02-03T03:00:00.000Z';
  const agents = (['ready', 'notReady', 'ready', 'parked', 'booting'] as const).map((state, index) => ({
    ...nodeRecord('demo', index),
    nodeName: `agents-${index}`,
    state,
    registeredAt: state === 'booting' ? '' : registeredAt,
  }));
  for (const row of agents) world.addAgent(row);
  world.engineNodes.find(({ name }) => name === 'agents-2')!.version = NEXT;
  const { vmIds, parked } = await pickOutdated(world, { cluster: 'demo', version: NEXT });
  expect(vmIds).toEqual([agents[0]!.vmId, agents[1]!.vmId]);
  expect(parked).toBe(1);
});
