import type { AppWorker } from '../../local/host/contract';
import { orchestrations, type MastersView } from '../../orchestrations/contracts';
import { refuse } from '../../shared/model/errors';
import { startAppWorker } from '../support/app-worker';
import { runScripted, type Course, type Script } from '../support/scripted-hub';
import { endingOf, OPERATION } from './course';

/** Every turn of every case is replayed from the whole history: what is not deterministic ends as Failed. */

let worker: AppWorker;
beforeAll(async () => {
  worker = await startAppWorker();
});
afterAll(() => worker?.stop(500));

const OLD = 'v1.36.2+k3s1';
const NEXT = 'v1.36.3+k3s1';
const DOOMED = { name: 'master1', vmId: 'b', nodes: [{ name: 'master1-b', uid: 'u', ready: true }] };

/** `'+-+'`: all but master1 are ready. */
const view = (marks: string, versions: string[] = [], more: Partial<MastersView> = {}): MastersView => ({
  count: marks.length,
  masters: [...marks].map((mark, index) => ({
    name: `master${index}`,
    ready: mark === '+',
    version: versions[index] ?? OLD,
  })),
  engineReachable: true,
  agents: 3,
  phase: marks.includes('-') ? 'degraded' : 'ready',
  phaseReason: marks.includes('-') ? 'a master is not ready' : '',
  ...more,
});
/** One batch of agents that is renewed without trouble. */
const RENEWS: Script = {
  noteNodes: ({ vmIds }) => ({
    nodes: vmIds.map((vmId) => ({ vmId, nodeName: `agent-${vmId}`, nodeUid: '', bootId: '', generation: 1 })),
  }),
  evictAgents: () => ({ proceed: true, remaining: 0, blocked: [] }),
  renewMachines: () => ({ ok: true, pollers: [] }),
  lookAtRenewed: ({ nodes }) => ({
    ready: nodes.map(({ vmId }) => vmId),
    waiting: [],
    lost: [],
    problems: [],
    engineReachable: true,
    agents: 3,
  }),
  releaseAgents: ({ vmIds }) => ({ names: Object.fromEntries(vmIds.map((vmId) => [vmId, `agent-${vmId}-g2`])) }),
};
const GOES_ON: Script = { reportProgress: () => ({ cancelRequested: false }), finishOperation: () => undefined };

/** What was done, without looks and reports, repetitions in a row counted once. */
const deeds = ({ names }: Course): string[] =>
  names
    .filter((name) => !['reportProgress', 'observeMasters', 'finishOperation'].includes(name))
    .filter((name, index, all) => name !== all[index - 1]);
const commandsOf = ({ calls }: Course): string[] =>
  calls.flatMap(({ name, input }) => {
    const given = input as { name: string; command: { kind: string } };
    return name === 'beginMasterCommand' ? [`${given.command.kind} ${given.name}`] : [];
  });
const cancelledOnceDoing = (phase: RegExp): Script => ({
  reportProgress: (input) => ({ cancelRequested: phase.test(input.phase) }),
});

describe('an upgrade', () => {
  /** The engine shows the new version of a master two looks after the command. */
  function upgrading(script: Script = {}) {
    const told = new Map<string, number>();
    const versionOf = (name: string): string => {
      const looks = told.get(name);
      if (looks !== undefined) told.set(name, looks + 1);
      return (looks ?? 0) > 1 ? NEXT : OLD;
    };
    return runScripted(worker, orchestrations.upgradeCluster, {
      input: { ...OPERATION, version: NEXT },
      script: {
        ...GOES_ON,
        observeMasters: () => view('+++', ['master0', 'master1', 'master2'].map(versionOf)),
        beginMasterCommand: ({ name, command }) => {
          if (command.kind === 'upgrade') told.set(name, 0);
          return { ok: true, poller: `${command.kind} ${name}` };
        },
        pollMasterCommand: (_, count) =>
          count % 2 === 1 ? { state: 'running', retryAfterMs: 1 } : { state: 'succeeded' },
        writeVersion: () => undefined,
        pickOutdated: (_, count) => ({ vmIds: count === 1 ? ['a'] : [], parked: 0 }),
        ...RENEWS,
        ...script,
      },
    });
  }

  it('saves the state, takes masters one at a time, writes the version, then renews agents', async () => {
    const course = await upgrading();
    expect(endingOf(course)).toMatchObject({
      state: 'succeeded',
      phase: 'ready',
      result: { version: NEXT, masters: ['master0', 'master1', 'master2'], snapshot: 'starling-1 on master0' },
    });
    expect(commandsOf(course)).toEqual(['snapshot master0', 'upgrade master0', 'upgrade master1', 'upgrade master2']);
    const written = course.names.indexOf('writeVersion');
    expect(course.names.lastIndexOf('beginMasterCommand')).toBeLessThan(written);
    expect(course.names.indexOf('pickOutdated')).toBeGreaterThan(written);
  });

  it('goes on where an earlier one ended, and is nothing where that was the end', async () => {
    const half = await upgrading({
      observeMasters: (_, count) => view('+++', count > 2 ? [NEXT, NEXT, NEXT] : [NEXT, NEXT, OLD]),
    });
    expect(commandsOf(half)).toEqual(['snapshot master0', 'upgrade master2']);
    const whole = await upgrading({
      observeMasters: () => view('+++', [NEXT, NEXT, NEXT]),
      pickOutdated: () => ({ vmIds: [], parked: 1 }),
    });
    expect(endingOf(whole)).toMatchObject({
      state: 'succeeded',
      result: { masters: [], agents: [], snapshot: null, parked: 1, note: expect.stringContaining('nothing to do') },
    });
    expect(commandsOf(whole)).toEqual([]);
  });

  it.each([
    ['a master is not ready', view('+-+'), 'QUORUM_AT_RISK'],
    ['a master is lost', view('+-+', [OLD, '', OLD]), 'QUORUM_AT_RISK'],
    ['nobody answers', view('---', [], { engineReachable: false }), 'ENGINE_UNREACHABLE'],
    ['a master is newer already', view('+++', [OLD, 'v1.37.0+k3s1', OLD]), 'INVALID_REQUEST'],
    ['a minor version would be left out', view('+++', ['v1.34.9+k3s1']), 'INVALID_REQUEST'],
  ])('touches nothing when %s', async (_, seen, code) => {
    const course = await upgrading({ observeMasters: () => seen });
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code }, phase: seen.phase });
    expect(deeds(course)).toEqual([]);
  });

  it('touches no master when the state cannot be saved', async () => {
    const course = await upgrading({
      pollMasterCommand: () => ({ state: 'failed', code: 'SNAPSHOT_FAILED', message: 'no space left on device' }),
    });
    expect(endingOf(course)).toMatchObject({
      error: { code: 'SNAPSHOT_FAILED', message: 'master0: no space left on device' },
      phase: 'ready',
    });
    expect(commandsOf(course)).toEqual(['snapshot master0']);
  });

  it('stops at the first master that does not come back, and says how to go on', async () => {
    const course = await upgrading({ observeMasters: (_, count) => view(count < 3 ? '+++' : '-++') });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'degraded',
      error: { code: 'NEVER_JOINED', message: expect.stringMatching(/logs of master0.*upgrade again/) },
    });
    expect(commandsOf(course)).toEqual(['snapshot master0', 'upgrade master0']);
    expect(course.names).not.toContain('writeVersion');
  });

  it('waits for the others where the snapshot has left them without a leader, but not for long', async () => {
    const done = view('+++', [NEXT, NEXT, NEXT]);
    const brief = await upgrading({
      observeMasters: (_, count) => (count === 1 ? view('+++') : count < 5 ? view('---') : done),
    });
    expect(endingOf(brief)).toMatchObject({ state: 'succeeded' });
    expect(commandsOf(brief)).toEqual(['snapshot master0', 'upgrade master0', 'upgrade master1', 'upgrade master2']);
    const course = await upgrading({ observeMasters: (_, count) => view(count === 1 ? '+++' : '---') });
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'QUORUM_AT_RISK' } });
    expect(commandsOf(course)).toEqual(['snapshot master0']);
  });

  it('is cancelled between two masters, not within one', async () => {
    const course = await upgrading(cancelledOnceDoing(/upgrading master1/));
    expect(endingOf(course)).toMatchObject({ state: 'cancelled' });
    expect(commandsOf(course)).toEqual(['snapshot master0', 'upgrade master0']);
  });
});

describe('a repair', () => {
  const repair = (script: Script = {}) =>
    runScripted(worker, orchestrations.repairMaster, {
      input: { ...OPERATION, name: 'master1' },
      script: {
        ...GOES_ON,
        planMasterRepair: () => ({ ok: true, doomed: DOOMED }),
        drainMaster: (_, count) => ({ proceed: true, remaining: 2 - count, blocked: [] }),
        removeMember: (_, count) => ({ ok: true, pending: count < 3 }),
        removeMasterNodes: () => ({ ok: true }),
        deleteMasterVm: () => ({ ok: true, pollers: ['deletion'] }),
        pollOperation: () => ({ state: 'succeeded' }),
        confirmMasterGone: (_, count) => ({ gone: count > 1, agents: 3 }),
        submitMaster: () => ({ ok: true }),
        pollMaster: (_, count) => (count < 3 ? { state: 'running', retryAfterMs: 1 } : { state: 'succeeded' }),
        observeMasters: (_, count) => view(count < 3 ? '+-+' : '+++'),
        ...script,
      },
    });

  it('drains, takes the vote, deletes, deploys and waits, in this order', async () => {
    const course = await repair();
    expect(endingOf(course)).toMatchObject({
      state: 'succeeded',
      phase: 'ready',
      result: { master: 'master1', blocked: [] },
    });
    expect(deeds(course)).toEqual([
      'planMasterRepair',
      'drainMaster',
      'removeMember',
      'removeMasterNodes',
      'deleteMasterVm',
      'pollOperation',
      'confirmMasterGone',
      'submitMaster',
      'pollMaster',
    ]);
  });

  it('that would cost the quorum touches nothing', async () => {
    const course = await repair({ planMasterRepair: () => refuse('QUORUM_AT_RISK', '1 of 2 are ready') });
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'QUORUM_AT_RISK' }, phase: 'degraded' });
    expect(deeds(course)).toEqual(['planMasterRepair']);
  });

  it('says what holds the drain up, and keeps it in its result', async () => {
    const course = await repair({
      drainMaster: () => ({ proceed: true, remaining: 1, blocked: ['default/web: budget'] }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { blocked: ['default/web: budget'] } });
    const phases = course.calls.map(({ input }) => (input as { phase?: string }).phase);
    expect(phases).toContain('draining master1: default/web: budget');
  });

  it('cancelled while it drains gives the master back; later it goes on to its end', async () => {
    const early = await repair({ ...cancelledOnceDoing(/draining/), releaseMaster: () => undefined });
    expect(endingOf(early)).toMatchObject({ state: 'cancelled' });
    expect(deeds(early)).toEqual(['planMasterRepair', 'drainMaster', 'releaseMaster']);
    const late = await repair(cancelledOnceDoing(/out of the quorum|deleting|deploying|waiting/));
    expect(endingOf(late)).toMatchObject({ state: 'succeeded' });
  });

  it.each<[string, Script, string, string]>([
    ['the member stays', { removeMember: () => ({ ok: true, pending: true }) }, 'DEADLINE_EXCEEDED', 'removeMember'],
    [
      'the machine stays',
      { confirmMasterGone: () => ({ gone: false, agents: 3 }) },
      'DEADLINE_EXCEEDED',
      'confirmMasterGone',
    ],
    [
      'Azure has no room',
      { pollMaster: () => ({ state: 'failed', code: 'CAPACITY_UNAVAILABLE', message: 'no room' }) },
      'CAPACITY_UNAVAILABLE',
      'pollMaster',
    ],
    ['it never joins', { observeMasters: () => view('+-+') }, 'NEVER_JOINED', 'pollMaster'],
  ])('ends and says how to go on when %s', async (_, script, code, last) => {
    const course = await repair(script);
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'degraded',
      error: { code, message: expect.stringContaining('repair it again') },
    });
    expect(deeds(course).at(-1)).toBe(last);
  });
});

describe('a rotation of keys', () => {
  const rotate = (script: Script = {}) =>
    runScripted(worker, orchestrations.rotateKeys, {
      input: OPERATION,
      script: {
        ...GOES_ON,
        observeMasters: () => view('-++'),
        listWaitingTokens: () => ({ ids: ['abcdef'] }),
        rotateJoinKey: () => ({ ok: true }),
        revokeWaitingTokens: () => ({ ok: true, vmIds: ['a'] }),
        restartWaiting: () => ({ ok: true, pollers: [] }),
        markCredential: () => ({ mark: 'one' }),
        beginMasterCommand: () => ({ ok: true, poller: 'poller' }),
        pollMasterCommand: () => ({ state: 'succeeded' }),
        checkCredential: (_, count) => ({ changed: count > 1, answers: true }),
        ...script,
      },
    });

  it('names the old tokens before it makes the new key, and ends them after', async () => {
    const course = await rotate();
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { revoked: 1 } });
    expect(deeds(course)).toEqual([
      'listWaitingTokens',
      'rotateJoinKey',
      'revokeWaitingTokens',
      'restartWaiting',
      'markCredential',
      'beginMasterCommand',
      'pollMasterCommand',
      'checkCredential',
    ]);
    const revoke = course.calls.find(({ name }) => name === 'revokeWaitingTokens');
    expect(revoke?.input).toMatchObject({ ids: ['abcdef'] });
    expect(commandsOf(course)).toEqual(['rotate master1']); // the first that is ready
  });

  it('changes nothing while no master is ready', async () => {
    const course = await rotate({ observeMasters: () => view('---') });
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'ENGINE_UNREACHABLE' } });
    expect(deeds(course)).toEqual([]);
  });

  it.each<[string, Script, RegExp]>([
    [
      'the script fails',
      { pollMasterCommand: () => ({ state: 'failed', code: 'COMMAND_FAILED', message: 'no API' }) },
      /no API/,
    ],
    [
      'no new credential is told',
      { checkCredential: () => ({ changed: false, answers: true }) },
      /has not reported a new credential/,
    ],
    [
      'the engine refuses the new one',
      { checkCredential: () => ({ changed: true, answers: false }) },
      /does not answer to the new credential/,
    ],
  ])('says so when %s', async (_, script, message) => {
    expect(endingOf(await rotate(script))).toMatchObject({
      state: 'failed',
      error: { code: 'COMMAND_FAILED', message: expect.stringMatching(message) },
    });
  });
});
