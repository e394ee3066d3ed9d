import type { AppWorker } from '../../local/host/contract';
import { orchestrations, type RenewedView, type Selection } from '../../orchestrations/contracts';
import { refuse } from '../../shared/model/errors';
import type { NodeBefore } from '../../shared/model/renewal';
import { startAppWorker } from '../support/app-worker';
import { runScripted, type Course, type Script } from '../support/scripted-hub';
import { endingOf, going, noted, OPERATION, steps, view } from './course';

/** Every turn of every case is replayed from the whole history: what is not deterministic ends as Failed. */

let worker: AppWorker;
beforeAll(async () => {
  worker = await startAppWorker();
});
afterAll(() => worker?.stop(500));

const RENEWED: Script = {
  reportProgress: going,
  finishOperation: noted,
  selectNodes: () => selection(['a', 'b', 'c']),
  noteNodes: ({ vmIds }) => ({ nodes: vmIds.map(before) }),
  evictAgents: () => ({ proceed: true, remaining: 0, blocked: [] }),
  renewMachines: () => ({ ok: true, pollers: ['poller'] }),
  pollOperation: (_, count) => (count % 2 ? { state: 'running', retryAfterMs: 1 } : { state: 'succeeded' }),
  lookAtRenewed: ({ nodes }) => renewed(nodes.map(({ vmId }) => vmId)),
  releaseAgents: ({ vmIds }) => ({ names: Object.fromEntries(vmIds.map((vmId) => [vmId, `${vmId}-now`])) }),
};
const before = (vmId: string): NodeBefore => ({ vmId, nodeName: vmId, nodeUid: 'u', bootId: 'one', generation: 1 });
const selection = (agents: string[], more: Partial<Selection> = {}): Selection => ({
  agents,
  masters: [],
  parked: [],
  serving: agents.length,
  limits: { min: 0, max: 10 },
  isStopped: false,
  autoscale: false,
  ...more,
});
const renewed = (ready: string[], more: Partial<RenewedView> = {}): RenewedView => ({
  ...{ ready, waiting: [], lost: [], problems: [], engineReachable: true, agents: 3 },
  ...more,
});
const batchesOf = ({ calls }: Course): string[][] =>
  calls
    .filter(({ name }) => name === 'renewMachines')
    .map(({ input }) => (input as { nodes: NodeBefore[] }).nodes.map(({ vmId }) => vmId));
const phasesOf = ({ calls }: Course): string[] =>
  calls.filter(({ name }) => name === 'reportProgress').map(({ input }) => (input as { phase: string }).phase);

describe('a restart', () => {
  const restart = (script: Script, input: object = {}) =>
    runScripted(worker, orchestrations.restartNodes, {
      input: { ...OPERATION, ...input },
      script: { ...RENEWED, ...script },
    });

  it('of all agents drains, restarts and releases them batch after batch', async () => {
    const course = await restart({});
    expect(endingOf(course)).toMatchObject({
      state: 'succeeded',
      phase: 'ready',
      result: { renewed: ['a-now', 'b-now', 'c-now'], left: [], blocked: [] },
    });
    expect(batchesOf(course)).toEqual([['a'], ['b'], ['c']]);
    const once = ['noteNodes', 'evictAgents', 'renewMachines', 'pollOperation', 'lookAtRenewed', 'releaseAgents'];
    expect(steps(course)).toEqual(['selectNodes', ...once, ...once, ...once, 'finishOperation']);
  });

  it('of masters, when they are named, is one at a time and before the agents', async () => {
    const course = await restart(
      {
        selectNodes: () => selection(['a'], { masters: ['m0', 'm1'] }),
        restartMaster: () => ({ ok: true, pollers: ['poller'] }),
      },
      { vmIds: ['m0', 'm1', 'a'] },
    );
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { renewed: ['m0', 'm1', 'a-now'] } });
    const deeds = course.names.filter((name) => ['restartMaster', 'lookAtRenewed', 'renewMachines'].includes(name));
    expect(deeds).toEqual([
      'restartMaster',
      'lookAtRenewed',
      'restartMaster',
      'lookAtRenewed',
      'renewMachines',
      'lookAtRenewed',
    ]);
  });

  it('of a master ends before it begins when the others are not well', async () => {
    const course = await restart(
      {
        selectNodes: () => selection([], { masters: ['m0'] }),
        restartMaster: () => refuse('QUORUM_AT_RISK', 'm0 stays up because m1 is notReady'),
      },
      { vmIds: ['m0'] },
    );
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'QUORUM_AT_RISK' } });
  });

  it('names the pods that hold it up while they do, and cuts them off at the deadline', async () => {
    const why = 'default/web-1: The disruption budget web does not allow it';
    const course = await restart({
      selectNodes: () => selection(['a']),
      evictAgents: () => ({ proceed: true, remaining: 1, blocked: [why], held: `agents-a: ${why}` }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { blocked: [why] } });
    expect(phasesOf(course)).toContain(`draining agents-a: ${why}`);
    expect(course.names.filter((name) => name === 'evictAgents').length).toBeLessThanOrEqual(60);
  });

  it('that is cancelled during a drain gives the work back and leaves the others', async () => {
    const course = await restart({
      evictAgents: () => ({ proceed: true, remaining: 1, blocked: [] }),
      reportProgress: (_, count) => ({ cancelRequested: count >= 3 }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect(course.names).not.toContain('renewMachines');
    expect(course.names.at(-2)).toBe('releaseAgents');
  });

  it('stops at the first batch that does not come back, and says who is left', async () => {
    const course = await restart({
      lookAtRenewed: ({ nodes }, count) =>
        count === 1
          ? renewed([nodes[0]!.vmId])
          : renewed([], { waiting: [nodes[0]!.vmId], problems: ['b: it is notReady'] }),
    });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'degraded',
      error: { code: 'NEVER_JOINED', message: '0 of 1 nodes came back within 15 minutes: b: it is notReady' },
      result: { renewed: ['a-now'], left: ['b-now'] },
    });
    expect(batchesOf(course)).toEqual([['a'], ['b']]);
    expect(course.names.at(-2)).toBe('releaseAgents');
  });

  it('starts machines that were switched off meanwhile, and does not wait for one that is gone', async () => {
    const course = await restart({
      selectNodes: () => selection(['a']),
      powerAgents: () => ({ ok: true, poller: null }),
      lookAtRenewed: (_, count) =>
        count < 2 ? renewed([], { waiting: ['a'], stopped: ['a'] }) : renewed([], { lost: ['a'] }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { renewed: [], left: ['a-now'] } });
    expect(course.names.filter((name) => name === 'powerAgents')).toHaveLength(1);
  });

  it('ends at once when Azure cannot bring a machine back', async () => {
    const course = await restart({
      lookAtRenewed: ({ nodes }) =>
        renewed([], { failed: [nodes[0]!.vmId], problems: ['a: AllocationFailed: no room'] }),
    });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      error: { code: 'NEVER_JOINED', message: '0 of 1 nodes came back: a: AllocationFailed: no room' },
      result: { renewed: [], left: ['a-now'] },
    });
    expect(batchesOf(course)).toEqual([['a']]);
  });

  it('waits while the scale set is being changed, and explains every other refusal', async () => {
    const patient = await restart({
      selectNodes: () => selection(['a']),
      renewMachines: (_, count) => (count < 3 ? refuse('SCALE_SET_CONFLICT', 'busy') : { ok: true, pollers: [] }),
    });
    expect(endingOf(patient)).toMatchObject({ state: 'succeeded' });
    const refused = await restart({ renewMachines: () => refuse('CAPACITY_UNAVAILABLE', 'no room') });
    expect(endingOf(refused)).toMatchObject({
      state: 'failed',
      error: { code: 'CAPACITY_UNAVAILABLE', message: 'no room' },
      result: { left: ['a-now'] },
    });
  });

  it('gives the work back also when an activity fails for good, and ends with that code', async () => {
    const course = await restart({
      renewMachines: () => {
        throw new Error('AZURE_DENIED: AuthorizationFailed: may not restart');
      },
    });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      error: { code: 'AZURE_DENIED', message: 'AuthorizationFailed: may not restart' },
    });
    expect(course.names.at(-2)).toBe('releaseAgents');
  });
});

describe('a reimage', () => {
  const reimage = (order: 'serial' | 'parallel') =>
    runScripted(worker, orchestrations.reimageNodes, { input: { ...OPERATION, order }, script: RENEWED });

  it.each([
    ['serial', [['a'], ['b'], ['c']]],
    ['parallel', [['a', 'b', 'c']]],
  ] as const)('%s takes %j', async (order, batches) => {
    const course = await reimage(order);
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { renewed: ['a-now', 'b-now', 'c-now'] } });
    expect(batchesOf(course)).toEqual(batches);
  });
});

describe('a resize', () => {
  const resize = (script: Script) =>
    runScripted(worker, orchestrations.resizeAgents, {
      input: { ...OPERATION, size: 'Standard_D2s_v5' },
      script: {
        ...RENEWED,
        setAgentSize: () => ({ ok: true, pollers: ['poller'] }),
        noteAgentSize: () => ({ vmIds: ['a', 'b'] }),
        ...script,
      },
    });

  it('changes the model, then the spec, then the agents that are of another size', async () => {
    const course = await resize({});
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { renewed: ['a-now', 'b-now'] } });
    expect(steps(course).slice(0, 3)).toEqual(['setAgentSize', 'pollOperation', 'noteAgentSize']);
    expect(batchesOf(course)).toEqual([['a'], ['b']]);
  });

  it('begun again has nothing left to do', async () => {
    const course = await resize({
      setAgentSize: () => ({ ok: true, pollers: [] }),
      noteAgentSize: () => ({ vmIds: [] }),
    });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { renewed: [], left: [] } });
  });

  it('that Azure refuses leaves spec and agents as they are', async () => {
    const course = await resize({ setAgentSize: () => refuse('QUOTA_EXCEEDED', 'no cores') });
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'QUOTA_EXCEEDED', message: 'no cores' } });
    expect(course.names).not.toContain('noteAgentSize');
  });
});

describe('a stop', () => {
  const GOES_WELL: Script = {
    ...RENEWED,
    selectNodes: () => selection(['a', 'b'], { masters: ['m'], autoscale: true }),
    setAutoscale: () => ({ ok: true }),
    stopMachines: () => ({ ok: true, pollers: ['poller'] }),
    parkStopped: () => ({ on: [] }),
    wishForServing: () => ({ agents: 1 }),
  };
  const stop = (script: Script, input: object = {}) =>
    runScripted(worker, orchestrations.stopNodes, {
      input: { ...OPERATION, deallocate: true, ...input },
      script: { ...GOES_WELL, ...script },
    });
  const switches = ({ calls }: Course): unknown[] =>
    calls.filter(({ name }) => name === 'setAutoscale').map(({ input }) => (input as { enabled: boolean }).enabled);

  it('of the cluster takes agents, then masters, and is over when Azure lists all as off', async () => {
    const course = await stop({ parkStopped: (_, count) => ({ on: count < 2 ? ['m'] : [] }) });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', phase: 'stopped', result: { agents: 2, masters: 1 } });
    const roles = course.calls
      .filter(({ name }) => name === 'stopMachines')
      .map(({ input }) => (input as { role: string }).role);
    expect(roles.slice(0, 2)).toEqual(['agent', 'master']);
    expect(switches(course)).toEqual([false]);
    expect(course.names).not.toContain('evictAgents');
    expect(course.names).not.toContain('wishForServing');
  });

  it('of the cluster that cannot be done hands it back to automation', async () => {
    for (const stopMachines of [
      () => refuse('AZURE_DENIED', 'locked'),
      () => {
        throw new Error('AZURE_DENIED: locked');
      },
    ]) {
      const course = await stop({ stopMachines });
      expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'AZURE_DENIED', message: 'locked' } });
      expect(endingOf(course)).not.toMatchObject({ phase: 'stopped' });
      expect(switches(course)).toEqual([false, true]);
    }
  });

  it('of named agents drains them, parks them once they are off, and lowers the wish', async () => {
    const course = await stop({}, { vmIds: ['a'] });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', phase: 'ready', result: { parked: 2, blocked: [] } });
    expect(steps(course).slice(1)).toEqual([
      'evictAgents',
      'stopMachines',
      'pollOperation',
      'parkStopped',
      'wishForServing',
      'finishOperation',
    ]);
  });

  it('of named agents that not all go parks those that did, and gives the others their work back', async () => {
    const course = await stop(
      { stopMachines: () => refuse('AZURE_DENIED', 'locked'), parkStopped: () => ({ on: ['b'] }) },
      { vmIds: ['a', 'b'] },
    );
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'AZURE_DENIED' }, result: { parked: 1 } });
    expect(course.names.slice(-4)).toEqual(['parkStopped', 'wishForServing', 'releaseAgents', 'finishOperation']);
  });

  it('of named agents of which none goes wishes for all of them again, so that nobody is removed instead', async () => {
    const course = await stop(
      { stopMachines: () => refuse('AZURE_DENIED', 'locked'), parkStopped: () => ({ on: ['a', 'b'] }) },
      { vmIds: ['a', 'b'] },
    );
    expect(endingOf(course)).toMatchObject({ state: 'failed', result: { parked: 0 } });
    expect(course.calls.find(({ name }) => name === 'wishForServing')?.input).toMatchObject({ atLeast: true });
  });

  it('of more agents than the spec allows does nothing', async () => {
    const selectNodes = () => selection(['a', 'b'], { limits: { min: 1, max: 3 } });
    const course = await stop({ selectNodes }, { vmIds: ['a', 'b'] });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      error: { code: 'INVALID_REQUEST', message: expect.stringContaining('at most 1 can be stopped') },
    });
    expect(course.names).toEqual(['selectNodes', 'wishForServing', 'finishOperation']);
  });
});

describe('a start', () => {
  const GOES_WELL: Script = {
    ...RENEWED,
    selectNodes: () =>
      selection([], {
        masters: ['m'],
        parked: ['a', 'b'],
        isStopped: true,
        autoscale: true,
        limits: { min: 0, max: 3 },
      }),
    setAutoscale: () => ({ ok: true }),
    startMachines: ({ vmIds = [] }) => ({ ok: true, pollers: ['poller'], started: vmIds }),
    observeCluster: (_, count) => view(0, 0, { masters: { desired: 1, ready: count < 3 ? 0 : 1 } }),
    parkStopped: () => ({ on: [] }),
    wishForServing: () => ({ agents: 2 }),
  };
  const start = (script: Script, input: object = {}) =>
    runScripted(worker, orchestrations.startNodes, {
      input: { ...OPERATION, ...input },
      script: { ...GOES_WELL, ...script },
    });

  it('of a stopped cluster waits for the masters before it starts agents', async () => {
    const course = await start({});
    expect(endingOf(course)).toMatchObject({
      state: 'succeeded',
      phase: 'ready',
      result: { agents: { wanted: 2, came: 2 } },
    });
    expect(steps(course)).toEqual([
      'selectNodes',
      'startMachines',
      'pollOperation',
      'observeCluster',
      'noteNodes',
      'startMachines',
      'pollOperation',
      'lookAtRenewed',
      'releaseAgents',
      'wishForServing',
      'setAutoscale',
      'finishOperation',
    ]);
  });

  it('of named agents leaves masters and autoscale alone', async () => {
    const selectNodes = () => selection([], { parked: ['a'] });
    const course = await start({ selectNodes }, { vmIds: ['a'] });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
    expect(course.names).not.toContain('observeCluster');
    expect(course.names).not.toContain('setAutoscale');
  });

  it('expects another boot only of machines that were off', async () => {
    const course = await start({ startMachines: () => ({ ok: true, pollers: [], started: ['a'] }) });
    const look = course.calls.find(({ name }) => name === 'lookAtRenewed')?.input;
    expect(look).toMatchObject({
      nodes: [
        { vmId: 'a', bootId: 'one' },
        { vmId: 'b', bootId: '' },
      ],
    });
  });

  it('that Azure cannot carry out parks again what stayed off, and says why', async () => {
    const course = await start({
      startMachines: ({ role }) =>
        role === 'master' ? { ok: true, pollers: [], started: [] } : refuse('CAPACITY_UNAVAILABLE', 'no room'),
    });
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'degraded',
      error: { code: 'CAPACITY_UNAVAILABLE', message: 'no room' },
    });
    expect(steps(course).slice(-5)).toEqual([
      'parkStopped',
      'releaseAgents',
      'wishForServing',
      'setAutoscale',
      'finishOperation',
    ]);
  });

  it('gives up on masters that never answer', async () => {
    const masters = { desired: 1, ready: 0 };
    const course = await start({ observeCluster: () => view(0, 0, { masters, engineReachable: false }) });
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'NEVER_JOINED' } });
    expect(course.names).toContain('setAutoscale'); // else nothing would ever switch it on again
  });

  it('that is cancelled before anything was started leaves the cluster stopped', async () => {
    const course = await start({ reportProgress: () => ({ cancelRequested: true }) });
    expect(endingOf(course)).toMatchObject({ state: 'cancelled', phase: 'stopped' });
    expect(course.names).not.toContain('startMachines');
  });
});

describe('a converge', () => {
  const converge = (input: object, script: Script = {}) =>
    runScripted(worker, orchestrations.convergeCluster, {
      input: { ...OPERATION, ...input },
      script: {
        ...RENEWED,
        resubmitDeployment: () => ({ ok: true }),
        pollDeployment: (_, count) => ({
          ...{ done: count, total: 3 },
          ...(count < 3 ? { state: 'running', retryAfterMs: 1 } : { state: 'succeeded' }),
        }),
        setAutoscale: () => ({ ok: true }),
        setAgentSize: () => ({ ok: true, pollers: [] }),
        noteAgentSize: () => ({ vmIds: ['a'] }),
        observeCluster: () => view(3),
        pickVictims: () => ({ vmIds: [] }),
        growTo: () => ({ ok: true, poller: null, capacity: 3 }),
        ...script,
      },
    });

  it('changes template, size and number, in this order', async () => {
    const course = await converge({ template: true, size: 'Standard_D2s_v5', agents: 3 });
    expect(endingOf(course)).toMatchObject({
      state: 'succeeded',
      phase: 'ready',
      result: { renewed: ['a-now'], agents: { wanted: 3, came: 3 } },
    });
    const order = ['resubmitDeployment', 'setAutoscale', 'setAgentSize', 'renewMachines', 'growTo'];
    expect(steps(course).filter((name) => order.includes(name))).toEqual(order);
  });

  it('leaves alone what did not change', async () => {
    const course = await converge({ size: 'Standard_D2s_v5' });
    expect(endingOf(course)).toMatchObject({ state: 'succeeded' });
    for (const name of ['resubmitDeployment', 'growTo']) expect(course.names).not.toContain(name);
  });

  it('stops at what Azure refuses', async () => {
    const refused = await converge(
      { template: true, agents: 3 },
      { pollDeployment: () => ({ done: 1, total: 3, state: 'failed', code: 'DEPLOYMENT_FAILED', message: 'no' }) },
    );
    expect(endingOf(refused)).toMatchObject({
      state: 'failed',
      phase: 'degraded',
      error: { code: 'DEPLOYMENT_FAILED' },
    });
    expect(refused.names).not.toContain('growTo');
  });
});
