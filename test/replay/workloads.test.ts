import type { AppWorker } from '../../local/host/contract';
import { orchestrations, type WorkloadInput, type WorkloadView } from '../../orchestrations/contracts';
import { startAppWorker } from '../support/app-worker';
import { runScripted, type Course, type Script } from '../support/scripted-hub';

/** What follows a change of a workload, and a rebalancing: every turn is replayed from the whole history. */

let worker: AppWorker;
beforeAll(async () => {
  worker = await startAppWorker();
});
afterAll(() => worker?.stop(500));

const OPERATION = { cluster: 'demo', operationId: 'demo.workload.1' };
const view = (ready: number, more: Partial<WorkloadView> = {}): WorkloadView => ({
  reachable: true,
  applied: true,
  desired: 3,
  ready,
  problems: [],
  ...more,
});
const COMMON: Script = {
  reportProgress: () => ({ cancelRequested: false }),
  finishOperation: () => undefined,
  readPhase: () => ({ phase: 'degraded', phaseReason: 'a master is away' }),
};
const change = (input: Pick<WorkloadInput, 'verb' | 'replicas'>, script: Script): Promise<Course> =>
  runScripted(worker, orchestrations.changeWorkload, {
    input: { ...OPERATION, name: 'site', ...input },
    script: { ...COMMON, ...script },
  });
const rebalance = (script: Script): Promise<Course> =>
  runScripted(worker, orchestrations.rebalanceCluster, { input: OPERATION, script: { ...COMMON, ...script } });
const ending = ({ calls }: Course): unknown => calls.findLast(({ name }) => name === 'finishOperation')?.input;
const phases = ({ calls }: Course): string[] =>
  calls.filter(({ name }) => name === 'reportProgress').map(({ input }) => (input as { phase: string }).phase);

describe('a workload that was applied', () => {
  it('is followed until its pods run, and says nothing of its cluster', async () => {
    const course = await change({ verb: 'apply' }, { viewWorkload: (_, count) => view(count) });
    expect(ending(course)).toMatchObject({
      state: 'succeeded',
      result: { replicas: { desired: 3, ready: 3 } },
      phase: 'degraded',
      phaseReason: 'a master is away',
    });
    expect(course.calls[0]).toEqual({
      name: 'viewWorkload',
      input: { cluster: 'demo', name: 'site', operationId: OPERATION.operationId },
    });
  });

  it('fails at its deadline with what its pods say', async () => {
    const problems = ['web-1: ImagePullBackOff: not found'];
    const course = await change({ verb: 'apply' }, { viewWorkload: () => view(1, { problems }) });
    expect(ending(course)).toMatchObject({
      state: 'failed',
      error: {
        code: 'DEADLINE_EXCEEDED',
        message: '1 of 3 replicas run after 10 minutes: web-1: ImagePullBackOff: not found',
      },
    });
    expect(phases(course)[0]).toBe('waiting for replicas: web-1: ImagePullBackOff: not found');
  });

  it('whose request broke off is told so', async () => {
    const course = await change({ verb: 'apply' }, { viewWorkload: () => view(3, { applied: false }) });
    expect(ending(course)).toMatchObject({ state: 'failed', error: { code: 'WORKLOAD_NOT_FOUND' } });
  });

  it('is waited for while the engine is silent', async () => {
    const silent = view(0, { reachable: false, applied: false, desired: 0 });
    const course = await change({ verb: 'apply' }, { viewWorkload: (_, count) => (count < 3 ? silent : view(3)) });
    expect(ending(course)).toMatchObject({ state: 'succeeded' });
    expect(phases(course)[0]).toBe('waiting for the engine');
  });

  it('is no longer followed once that is cancelled', async () => {
    const course = await change(
      { verb: 'apply' },
      { viewWorkload: () => view(1), reportProgress: () => ({ cancelRequested: true }) },
    );
    expect(ending(course)).toMatchObject({ state: 'cancelled' });
  });
});

it('a workload is scaled, then followed', async () => {
  const course = await change(
    { verb: 'scale', replicas: 3 },
    { setReplicas: () => ({ ok: true }), viewWorkload: () => view(3) },
  );
  expect(course.calls[0]).toEqual({ name: 'setReplicas', input: { cluster: 'demo', name: 'site', replicas: 3 } });
  expect(ending(course)).toMatchObject({ state: 'succeeded' });
});

it('a workload is removed until nothing is left, or the deadline says what is', async () => {
  const left = (counts: number[]): Script => ({
    endWorkload: (_, count) => ({ left: counts[count - 1] ?? counts.at(-1)! }),
  });
  expect(ending(await change({ verb: 'remove' }, left([-1, 4, 2, 0])))).toMatchObject({
    state: 'succeeded',
    result: { removed: 'site' },
  });
  expect(ending(await change({ verb: 'remove' }, left([4])))).toMatchObject({
    state: 'failed',
    error: { code: 'DEADLINE_EXCEEDED' },
  });
});

describe('a rebalancing', () => {
  const restarted = ['default/web', 'starling-site/web'];

  it('waits until what it restarted runs again, with its own id as the mark', async () => {
    const course = await rebalance({
      restartUneven: () => ({ restarted }),
      viewRollouts: (_, count) => ({ waiting: restarted.slice(count - 1) }),
    });
    expect(ending(course)).toMatchObject({ state: 'succeeded', result: { restarted } });
    expect(course.calls.find(({ name }) => name === 'restartUneven')?.input).toEqual({
      cluster: 'demo',
      mark: OPERATION.operationId,
    });
  });

  it('goes on with one workload after the other where the engine restarts them so', async () => {
    const steps = [1, 2, 2].map((count) => ['web', 'api'].slice(0, count));
    const course = await rebalance({
      restartUneven: (_, count) => ({ restarted: steps[count - 1]!, ...(count < steps.length && { goesOn: true }) }),
      viewRollouts: ({ names }, count) => ({ waiting: count % 2 ? names.slice(-1) : [] }),
    });
    expect(ending(course)).toMatchObject({ state: 'succeeded', result: { restarted: ['web', 'api'] } });
    const asked = course.calls.filter(({ name }) => name === 'restartUneven' || name === 'viewRollouts');
    expect(asked.map(({ name }) => name)).toEqual(
      ['restartUneven', 'restartUneven', 'restartUneven'].flatMap((name) => [name, 'viewRollouts', 'viewRollouts']),
    );
  });

  it('gives each of them its own time', async () => {
    const lastLooks = [74, 148, 151]; // six minutes each for two; then the idle clock is late, five minutes at each look
    const course = await rebalance({
      restartUneven: (_, count) => ({ restarted: [`s${count}`], ...(count < 3 && { goesOn: true }) }),
      viewRollouts: ({ names }, count) => ({ waiting: lastLooks.includes(count) ? [] : names }),
    });
    expect(ending(course)).toMatchObject({ state: 'succeeded', result: { restarted: ['s3'] } });
  });

  it('fails at its deadline with the names of what does not run', async () => {
    const course = await rebalance({
      restartUneven: () => ({ restarted }),
      viewRollouts: () => ({ waiting: ['default/web'] }),
    });
    expect(ending(course)).toMatchObject({
      state: 'failed',
      error: { code: 'DEADLINE_EXCEEDED', message: expect.stringMatching(/1 of 2 workloads .*default\/web/) },
    });
  });
});
