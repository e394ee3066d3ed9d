import type { AppWorker } from '../../local/host/contract';
import { orchestrations } from '../../orchestrations/contracts';
import { refuse } from '../../shared/model/errors';
import type { Action } from '../../shared/model/plan';
import { startAppWorker } from '../support/app-worker';
import { runScripted, type Course, type Script } from '../support/scripted-hub';
import { endingOf, going, noted, OPERATION, steps, view } from './course';

/** Every turn of every case is replayed from the whole history: what is not deterministic ends as Failed. */

let worker: AppWorker;
beforeAll(async () => {
  worker = await startAppWorker();
});
afterAll(() => worker?.stop(500));

describe('a deploy', () => {
  const GOES_WELL: Script = {
    reportProgress: going,
    finishOperation: noted,
    checkQuota: () => ({ ok: true }),
    prepareCluster: () => ({ ok: true }),
    submitDeployment: () => ({ ok: true }),
    pollDeployment: (_, count) => ({
      done: count,
      total: 3,
      ...(count < 3 ? { state: 'running', retryAfterMs: 1 } : { state: 'succeeded' }),
    }),
    observeCluster: () => view(3),
  };
  const deploy = (script: Script) =>
    runScripted(worker, orchestrations.deployCluster, { input: OPERATION, script: { ...GOES_WELL, ...script } });

  it('checks, prepares, submits once, and waits for masters and agents', async () => {
    const course = await deploy({ observeCluster: (_, count) => view(Math.min(3, count - 1), 3) });
    expect(endingOf(course)).toMatchObject({
      ...OPERATION,
      state: 'succeeded',
      phase: 'ready',
      result: { agents: { wanted: 3, came: 3 } },
    });
    expect(course.names.filter((name) => name === 'submitDeployment')).toHaveLength(1);
    expect(steps(course).slice(0, 3)).toEqual(['checkQuota', 'prepareCluster', 'submitDeployment']);
  });

  it('takes surplus agents away by name before a smaller capacity is submitted', async () => {
    const course = await deploy({
      prepareCluster: () => ({ ok: true, surplus: ['a'] }),
      startDrain: () => ({ proceed: true }),
      drainPass: () => ({ proceed: true, remaining: 0, blocked: [] }),
      deleteAgents: () => ({ ok: true, poller: null }),
      confirmGone: () => ({ left: [] }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
    expect(steps(course).slice(1, 7)).toEqual([
      'prepareCluster',
      'startDrain',
      'drainPass',
      'deleteAgents',
      'confirmGone',
      'submitDeployment',
    ]);
  });

  it('creates nothing when there is no quota', async () => {
    const course = await deploy({ checkQuota: () => refuse('QUOTA_EXCEEDED', '4 cores are missing') });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'failed',
      error: { code: 'QUOTA_EXCEEDED', message: '4 cores are missing' },
    });
    expect(steps(course)).toEqual(['checkQuota', 'finishOperation']);
  });

  it('says how many agents came when Azure could not bring all', async () => {
    const course = await deploy({
      pollDeployment: () => ({ done: 1, total: 3, state: 'failed', code: 'CAPACITY_UNAVAILABLE', message: 'no room' }),
      observeCluster: () => view(0, 2),
    });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      error: { code: 'CAPACITY_UNAVAILABLE', message: 'no room (2 of 3 agents came)' },
      result: { agents: { wanted: 3, came: 2 } },
    });
  });

  it('gives up on a deployment that never ends, and on masters that never join', async () => {
    const endless = await deploy({ pollDeployment: () => ({ done: 0, total: 3, state: 'running', retryAfterMs: 1 }) });
    expect(endingOf(endless)).toMatchObject({ state: 'failed', error: { code: 'DEADLINE_EXCEEDED' } });
    const masterless = await deploy({ observeCluster: () => view(0, 3, { masters: { desired: 1, ready: 0 } }) });
    expect(endingOf(masterless)).toMatchObject({ state: 'failed', error: { code: 'NEVER_JOINED' } });
  });

  it('stops at the next safe point once that is asked for', async () => {
    const course = await deploy({ reportProgress: (_, count) => ({ cancelRequested: count === 3 }) });
    expect(endingOf(course)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
  });

  it('lives through activities that fail, and ends as failed when they fail for good', async () => {
    const flaky = await deploy({
      submitDeployment: (_, count) => {
        if (count < 4) throw new Error('the connection broke');
        return { ok: true };
      },
    });
    expect(endingOf(flaky)).toMatchObject({ state: 'succeeded' });
    const dead = await deploy({
      prepareCluster: () => {
        throw new Error('the vault is gone');
      },
    });
    expect(endingOf(dead)).toMatchObject({
      state: 'failed',
      error: { code: 'INTERNAL', message: expect.stringContaining('the vault is gone') },
    });
    expect(dead.names.filter((name) => name === 'prepareCluster')).toHaveLength(7);
  });
});

describe('a scale', () => {
  const GOES_WELL: Script = {
    reportProgress: going,
    finishOperation: noted,
    observeCluster: () => view(5),
    pickVictims: () => ({ vmIds: [] }),
    growTo: () => ({ ok: true, poller: 'poller', capacity: 5 }),
    pollOperation: (_, count) => (count < 3 ? { state: 'running', retryAfterMs: 1 } : { state: 'succeeded' }),
    setDesiredAgents: noted,
    startDrain: () => ({ proceed: true }),
    drainPass: (_, count) => ({ proceed: true, remaining: 2 - count, blocked: [] }),
    deleteAgents: () => ({ ok: true, poller: null }),
    confirmGone: () => ({ left: [] }),
  };
  const scale = (script: Script, agents = 5) =>
    runScripted(worker, orchestrations.scaleCluster, {
      input: { ...OPERATION, agents },
      script: { ...GOES_WELL, ...script },
    });

  it('up raises capacity once and waits until all are ready', async () => {
    const course = await scale({ observeCluster: (_, count) => view(Math.min(5, 2 + count), 5) });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { agents: { wanted: 5, came: 5 } } });
    expect(course.names.filter((name) => name === 'growTo')).toHaveLength(1);
    expect(course.names).not.toContain('startDrain');
  });

  it('down drains, deletes and sees gone, in this order, before anything grows', async () => {
    const course = await scale(
      {
        pickVictims: () => ({ vmIds: ['a', 'b'] }),
        observeCluster: () => view(2),
        growTo: () => ({ ok: true, poller: null, capacity: 2 }),
      },
      2,
    );
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { agents: { wanted: 2, came: 2 } } });
    expect(steps(course)).toEqual([
      'observeCluster',
      'pickVictims',
      'startDrain',
      'drainPass',
      'deleteAgents',
      'confirmGone',
      'growTo',
      'observeCluster',
      'finishOperation',
    ]);
    expect(course.calls.find(({ name }) => name === 'deleteAgents')?.input).toMatchObject({
      vmIds: ['a', 'b'],
      operationId: OPERATION.operationId,
    });
  });

  it('down, parking, keeps what is too many', async () => {
    const course = await runScripted(worker, orchestrations.scaleCluster, {
      input: { ...OPERATION, agents: 2, reclaim: 'park' },
      script: {
        ...GOES_WELL,
        observeCluster: () => view(2),
        pickVictims: () => ({ vmIds: [], park: ['a'] }),
        evictAgents: () => ({ proceed: true, remaining: 0, blocked: [] }),
        stopMachines: () => ({ ok: true, pollers: [] }),
        parkStopped: () => ({ on: [] }),
        wishForServing: () => ({ agents: 2 }),
        growTo: () => ({ ok: true, poller: null, capacity: 3 }),
      },
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { agents: { wanted: 2, came: 2 } } });
    expect(course.names).not.toContain('deleteAgents');
    expect(steps(course)).toEqual(
      expect.arrayContaining(['evictAgents', 'stopMachines', 'parkStopped', 'wishForServing']),
    );
  });

  it('up goes on with new agents when the parked ones are not enough', async () => {
    const course = await scale({
      growTo: (_, count) => ({ ok: true, poller: 'poller', capacity: 5, ...(count === 1 ? { more: true } : {}) }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
    expect(course.names.filter((name) => name === 'growTo')).toHaveLength(2);
  });

  it('down names the pods that hold it up, and those that it cut off', async () => {
    const why = 'default/web-1: The disruption budget web does not allow it';
    const course = await scale(
      {
        pickVictims: () => ({ vmIds: ['a'] }),
        observeCluster: () => view(2),
        growTo: () => ({ ok: true, poller: null, capacity: 2 }),
        drainPass: () => ({ proceed: true, remaining: 1, blocked: [why], held: `agents-a: ${why}` }),
      },
      2,
    );
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { blocked: [why] } });
    const reports = course.calls.filter(({ name }) => name === 'reportProgress').map(({ input }) => input);
    expect(reports).toContainEqual(expect.objectContaining({ phase: `draining agents-a: ${why}` }));
  });

  it('waits for somebody else’s change of the scale set, and then goes on', async () => {
    const course = await scale({
      growTo: (_, count) =>
        count < 4 ? refuse('SCALE_SET_CONFLICT', 'busy') : { ok: true, poller: null, capacity: 5 },
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
    expect(course.names).not.toContain('setDesiredAgents');
  });

  it('takes what came for the wish when Azure has no more', async () => {
    const course = await scale({
      pollOperation: () => ({ state: 'failed', code: 'CAPACITY_UNAVAILABLE', message: 'no room' }),
      observeCluster: () => view(3, 4),
    });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'degraded',
      error: { code: 'CAPACITY_UNAVAILABLE', message: 'no room (4 of 5 agents came)' },
    });
    expect(course.calls.find(({ name }) => name === 'setDesiredAgents')?.input).toMatchObject({ agents: 4 });
  });

  it('touches the wish no more when another operation has taken over', async () => {
    const course = await scale({ growTo: () => refuse('CANCELLED', 'another operation has taken over') });
    expect(endingOf(course)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect(course.names).not.toContain('setDesiredAgents');
  });

  it('mends what breaks while it waits', async () => {
    const course = await scale({
      observeCluster: (_, count) => (count < 5 ? view(3, 4, { stopped: ['x'] }) : view(5)),
      powerAgents: () => ({ ok: true, poller: null }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
    expect(course.calls.find(({ name }) => name === 'powerAgents')?.input).toMatchObject({
      verb: 'start',
      vmIds: ['x'],
      operationId: OPERATION.operationId,
    });
  });

  it('ends with reasons when the missing agents will never come', async () => {
    const failed = view(4, 5, { problems: ['AllocationFailed: no room'] });
    failed.agents.failed = 1;
    const course = await scale({ observeCluster: () => failed });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      error: { code: 'NEVER_JOINED', message: '4 of 5 agents became ready: AllocationFailed: no room' },
    });
  });
});

describe('a removal of nodes', () => {
  const INPUT = { cluster: 'demo', vmIds: ['a', 'b'], cause: 'timer', drain: true };
  const GOES_WELL: Script = {
    startDrain: () => ({ proceed: true }),
    drainPass: () => ({ proceed: true, remaining: 0, blocked: [] }),
    deleteAgents: () => ({ ok: true, poller: 'poller' }),
    pollOperation: () => ({ state: 'succeeded' }),
    confirmGone: () => ({ left: [] }),
  };
  const retire = async (script: Script, input = INPUT): Promise<Course> => {
    const course = await runScripted(worker, orchestrations.retireNodes, {
      input,
      script: { ...GOES_WELL, ...script },
    });
    expect(course.status.runtimeStatus).toBe('Completed');
    return course;
  };

  it('is over when Azure lists none of them any more', async () => {
    const course = await retire({ confirmGone: (_, count) => ({ left: count < 3 ? ['1'] : [] }) });
    expect(course.status.output).toEqual({ removed: 2, left: [] });
  });

  it('deletes nothing when it has to give way, before the drain or during it', async () => {
    for (const script of [
      { startDrain: () => ({ proceed: false }) },
      { drainPass: () => ({ proceed: false, remaining: 1, blocked: [] }) },
    ]) {
      const course = await retire(script);
      expect(course.status.output).toEqual({ removed: 0, left: ['a', 'b'] });
      expect(course.names).not.toContain('deleteAgents');
    }
  });

  it('cuts off pods that do not leave in time', async () => {
    const course = await retire({ drainPass: () => ({ proceed: true, remaining: 1, blocked: ['default/web'] }) });
    expect(course.status.output).toEqual({ removed: 2, left: [], blocked: ['default/web'] });
  });

  it('does not drain where nothing runs', async () => {
    expect((await retire({}, { ...INPUT, drain: false })).names).toEqual([
      'startDrain',
      'deleteAgents',
      'pollOperation',
      'confirmGone',
    ]);
  });

  it('tries again while the scale set is being changed, and reports every other refusal', async () => {
    const patient = await retire({
      deleteAgents: (_, count) => (count < 3 ? refuse('SCALE_SET_CONFLICT', 'busy') : { ok: true, poller: null }),
    });
    expect(patient.status.output).toEqual({ removed: 2, left: [] });
    const refused = await retire({ deleteAgents: () => refuse('AZURE_DENIED', 'locked') });
    expect(refused.status.output).toEqual({
      removed: 0,
      left: ['a', 'b'],
      problem: { code: 'AZURE_DENIED', message: 'locked' },
    });
  });

  it('says what Azure still lists after half an hour', async () => {
    const { output } = (await retire({ confirmGone: () => ({ left: ['1'] }) })).status;
    expect(output).toMatchObject({ removed: 1, left: ['1'], problem: { code: 'DEADLINE_EXCEEDED' } });
  });
});

describe('a reconcile', () => {
  const INPUT = { cluster: 'demo', cause: 'timer' };
  const reconcile = (actions: Action[], script: Script = {}) =>
    runScripted(worker, orchestrations.reconcileCluster, {
      input: INPUT,
      script: { planRepairs: () => ({ actions, settled: false }), endReconcile: () => ({ again: false }), ...script },
    });

  it('of a cluster that is as it should be does nothing', async () => {
    expect((await reconcile([])).names).toEqual(['planRepairs', 'endReconcile']);
  });

  it('does every kind of action, one after the other', async () => {
    const begun = () => ({ ok: true, poller: null }) as const;
    const course = await reconcile(
      [
        { kind: 'replace', vmIds: ['a'], reason: 'never joined', missed: 3 },
        { kind: 'start', vmIds: ['b'], reason: 'stopped' },
        { kind: 'restart', vmIds: ['c'], reason: 'silent' },
        { kind: 'startMaster', name: 'master0', reason: 'stopped' },
        { kind: 'adopt', agents: 4, reason: 'changed outside' },
        { kind: 'grow', agents: 4, reason: 'missing' },
      ],
      {
        startDrain: () => ({ proceed: true }),
        deleteAgents: begun,
        confirmGone: () => ({ left: [] }),
        powerAgents: begun,
        startMaster: begun,
        setDesiredAgents: noted,
        growTo: () => refuse('QUOTA_EXCEEDED', 'no cores'), // written down by the activity; the reconcile goes on
      },
    );
    expect(course.status.runtimeStatus).toBe('Completed');
    expect(course.names).toEqual([
      'planRepairs',
      'startDrain',
      'deleteAgents',
      'confirmGone',
      'growTo', // what was replaced is missed
      'powerAgents',
      'powerAgents',
      'startMaster',
      'setDesiredAgents',
      'growTo',
      'endReconcile',
    ]);
  });

  it('retires all that its look has chosen at once, before anything else takes its time', async () => {
    const begun = () => ({ ok: true, poller: null }) as const;
    const { calls } = await reconcile(
      [
        { kind: 'retire', vmIds: ['a'], reason: 'begun' },
        { kind: 'replace', vmIds: ['b'], reason: 'never joined', missed: 3 },
        { kind: 'retire', vmIds: ['c'], reason: 'cannot be started', missed: 3 },
      ],
      {
        growTo: (_, count) => (count === 1 ? refuse('SCALE_SET_CONFLICT', 'busy') : { ...begun(), capacity: 3 }),
        startDrain: () => ({ proceed: true }),
        drainPass: () => ({ proceed: true, remaining: 0, blocked: [] }),
        deleteAgents: begun,
        confirmGone: () => ({ left: [] }),
      },
    );
    const drains = calls.filter(({ name }) => name === 'startDrain').map(({ input }) => input);
    expect(drains).toMatchObject([{ vmIds: ['a', 'c'] }, { vmIds: ['b'] }]);
    const grown = calls.filter(({ name }) => name === 'growTo').map(({ input }) => input);
    expect(grown).toMatchObject([{ agents: 3 }, { agents: 3 }, { agents: 3 }]); // the first was refused: once more
  });

  it('looks again when somebody asked meanwhile, but not for ever', async () => {
    const { names } = await reconcile([], { endReconcile: () => ({ again: true }) });
    expect(names.filter((name) => name === 'planRepairs')).toHaveLength(3);
  });
});

describe('a destroy', () => {
  const GOES_WELL: Script = {
    reportProgress: going,
    finishOperation: noted,
    deleteGroups: (_, count) => ({ pending: count < 3 ? ['demo-compute'] : [], foreign: [] }),
    findLeftovers: () => ({ leftovers: [] }),
    forgetCluster: () => ({ certificate: { cluster: 'demo' } }),
  };
  const destroy = (script: Script, more: object = {}) =>
    runScripted(worker, orchestrations.destroyCluster, {
      input: { ...OPERATION, storage: 'delete', ...more },
      script: { ...GOES_WELL, ...script },
    });

  it('asks until all groups are gone, looks for leftovers, and ends with a certificate', async () => {
    const course = await destroy({});
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { certificate: { cluster: 'demo' } } });
    expect(steps(course)).toEqual(['deleteGroups', 'findLeftovers', 'forgetCluster', 'finishOperation']);
  });

  it.each<[string, Script]>([
    ['something tagged is left', { findLeftovers: () => ({ leftovers: ['/subscriptions/s/resourceGroups/x'] }) }],
    ['a group is not Starling’s', { deleteGroups: () => ({ pending: [], foreign: ['demo-compute'] }) }],
    ['a group never goes', { deleteGroups: () => ({ pending: ['demo-compute'], foreign: [] }) }],
  ])('fails loudly and forgets nothing when %s', async (_, script) => {
    const course = await destroy(script);
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'failed',
      error: { code: 'LEFTOVERS' },
      result: { leftovers: [expect.any(String)] },
    });
    expect(course.names).not.toContain('forgetCluster');
  });

  it('looks again while Azure still lists what it has deleted', async () => {
    const course = await destroy({ findLeftovers: (_, count) => ({ leftovers: count < 3 ? ['/x'] : [] }) });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
  });

  it('outlasts a step of the operation that it pre-empted, which may be making a group', async () => {
    const deleteGroups: Script['deleteGroups'] = (_, count) => ({
      pending: count === 4 ? ['demo-compute'] : [],
      foreign: [],
    });
    const course = await destroy({ deleteGroups }, { preempted: 'demo.deploy.1' });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
    expect(course.names.filter((name) => name === 'deleteGroups')).toHaveLength(7);
  });

  it('is not cancelled', async () => {
    const course = await destroy({ reportProgress: () => ({ cancelRequested: true }) });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
  });
});
