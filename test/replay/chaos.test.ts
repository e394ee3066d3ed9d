import type { AppWorker } from '../../local/host/contract';
import {
  orchestrations,
  type ChaosAim,
  type ChaosInput,
  type ChaosPlan,
  type ChaosWatch,
  type ClusterView,
} from '../../orchestrations/contracts';
import type { ChaosTarget } from '../../shared/model/chaos-recovery';
import { refuse } from '../../shared/model/errors';
import { startAppWorker } from '../support/app-worker';
import { runScripted, type Course, type Script } from '../support/scripted-hub';

/** Every turn of every case is replayed from the whole history: what is not deterministic ends as Failed. */

let worker: AppWorker;
beforeAll(async () => {
  worker = await startAppWorker();
});
afterAll(() => worker?.stop(500));

const INPUT: ChaosInput = {
  cluster: 'demo',
  operationId: 'demo.chaos.1',
  cause: 'operator',
  request: { action: 'restart', count: 3, seed: 1, concurrency: 1, dryRun: false },
};
const WELL = { health: { phase: 'ready' as const, phaseReason: '' } };
const ILL = { health: { phase: 'degraded' as const, phaseReason: '2 of 3 agents are ready' } };

const view = (more: Partial<ClusterView> = {}): ClusterView => ({
  agents: { desired: 3, ready: 3, total: 3, failed: 0, provisioned: 3 },
  masters: { desired: 1, ready: 1 },
  capacity: 3,
  scaleSetBusy: false,
  engineReachable: true,
  problems: [],
  ...more,
});
const plan = (changes: Partial<ChaosPlan> = {}): ChaosPlan => ({
  step: { cluster: 'demo', operationId: INPUT.operationId, action: 'restart', startedAt: '2026-01-01T00:00:00.000Z' },
  verdict: 'running',
  reason: '',
  vmIds: ['a', 'b', 'c'],
  concurrency: 1,
  ...WELL,
  ...changes,
});
const target = (vmId: string): ChaosTarget => ({
  vmId,
  nodeName: `agents-${vmId}`,
  instanceId: vmId,
  nodeUid: vmId,
  bootId: 'first',
  generation: 1,
});
const aim = (vmIds: string[], changes: Partial<ChaosAim> = {}): ChaosAim => ({
  targets: vmIds.map(target),
  ...WELL,
  ...changes,
});
const watch = (changes: Partial<ChaosWatch> = {}): ChaosWatch => ({
  view: view(),
  recovered: true,
  back: 1,
  poller: null,
  missing: '',
  ...WELL,
  ...changes,
});

const GOES_WELL: Script = {
  reportProgress: () => ({ cancelRequested: false }),
  finishOperation: () => undefined,
  planChaos: () => plan(),
  aimChaos: ({ vmIds }) => aim(vmIds),
  strikeAgents: ({ targets }) => ({ ok: true, poller: null, struck: targets.map(({ vmId }) => vmId) }),
  watchRecovery: () => watch(),
  concludeChaos: () => undefined,
};

async function run(script: Script): Promise<Course> {
  const course = await runScripted(worker, orchestrations.runChaos, {
    input: INPUT,
    script: { ...GOES_WELL, ...script },
  });
  expect(course.status.runtimeStatus).toBe('Completed');
  return course;
}
const inputsOf = ({ calls }: Course, wanted: string): unknown[] =>
  calls.filter(({ name }) => name === wanted).map(({ input }) => input);
const endingOf = (course: Course): unknown => inputsOf(course, 'finishOperation')[0];
const verdictsOf = (course: Course): unknown[] => inputsOf(course, 'concludeChaos');
/** vmIds struck together, in order. */
const wavesOf = (course: Course): string[][] =>
  (inputsOf(course, 'strikeAgents') as { targets: ChaosTarget[] }[]).map(({ targets }) =>
    targets.map(({ vmId }) => vmId),
  );

describe('a chaos run', () => {
  it('strikes one after another, in the order of the plan, each after the one before has recovered', async () => {
    const course = await run({ watchRecovery: (_, count) => watch({ recovered: count % 2 === 0 }) });
    expect(wavesOf(course)).toEqual([['a'], ['b'], ['c']]);
    const steps = course.names.filter((name) => ['aimChaos', 'strikeAgents', 'watchRecovery'].includes(name));
    expect(steps.slice(0, 4)).toEqual(['aimChaos', 'strikeAgents', 'watchRecovery', 'watchRecovery']);
    expect(steps.slice(4)).toEqual([...steps.slice(0, 4), ...steps.slice(0, 4)]);
    expect(endingOf(course)).toMatchObject({
      state: 'succeeded',
      phase: 'ready',
      result: { report: INPUT.operationId, verdict: 'passed' },
    });
    expect(verdictsOf(course)).toMatchObject([{ verdict: 'passed' }]);
  });

  it('strikes as many at once as the plan allows', async () => {
    expect(wavesOf(await run({ planChaos: () => plan({ concurrency: 2 }) }))).toEqual([['a', 'b'], ['c']]);
  });

  it.each([
    ['skipped', 'the steady state does not hold'],
    ['halted', 'automation is halted'],
    ['planned', ''],
  ] as const)('that is %s touches nothing and has done as it should', async (verdict, reason) => {
    const course = await run({ planChaos: () => plan({ verdict, reason, vmIds: [], ...ILL }) });
    expect(course.names).toEqual(['reportProgress', 'planChaos', 'finishOperation']);
    expect(endingOf(course)).toMatchObject({
      state: 'succeeded',
      phase: 'degraded',
      phaseReason: '2 of 3 agents are ready',
      result: { report: INPUT.operationId, verdict },
    });
  });

  it('leaves out who is spared at the last look', async () => {
    const course = await run({ aimChaos: ({ vmIds }) => aim(vmIds.filter((vmId) => vmId !== 'b')) });
    expect(wavesOf(course)).toEqual([['a'], ['c']]);
    expect(verdictsOf(course)).toMatchObject([{ verdict: 'passed' }]);
    const nobody = await run({ aimChaos: () => aim([]) });
    expect(endingOf(nobody)).toMatchObject({ state: 'succeeded', result: { verdict: 'skipped' } });
  });

  it('deviates when a victim is not back within a quarter of an hour, and strikes nobody else', async () => {
    const course = await run({
      watchRecovery: () => watch({ recovered: false, back: 0, missing: 'agents-a did not come back', ...ILL }),
    });
    expect(wavesOf(course)).toEqual([['a']]);
    const message = 'not recovered within 15 minutes: agents-a did not come back';
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      phase: 'degraded',
      error: { code: 'CHAOS_DEVIATED', message },
      result: { verdict: 'deviated' },
    });
    expect(verdictsOf(course)).toMatchObject([{ verdict: 'deviated', reason: message }]);
  });

  it('deviates when the steady state is lost between two strikes', async () => {
    const stop = { verdict: 'deviated', reason: 'the steady state does not hold' } as const;
    const course = await run({ aimChaos: ({ vmIds }, count) => (count === 2 ? aim([], { stop }) : aim(vmIds)) });
    expect(wavesOf(course)).toEqual([['a']]);
    expect(endingOf(course)).toMatchObject({ state: 'failed', error: { code: 'CHAOS_DEVIATED' } });
  });

  it.each<[string, Script]>([
    ['before a strike', { aimChaos: () => aim([], { stop: { verdict: 'halted', reason: 'automation is halted' } }) }],
    ['right before a strike', { strikeAgents: () => ({ ok: true, poller: null, struck: [], halted: 'incident' }) }],
    ['during a recovery', { watchRecovery: () => watch({ recovered: false, halted: 'incident' }) }],
  ])('stops when the halt lever is pulled %s', async (_, script) => {
    const course = await run(script);
    expect(wavesOf(course).length).toBeLessThanOrEqual(1);
    expect(endingOf(course)).toMatchObject({ state: 'succeeded', result: { verdict: 'halted' } });
    expect(verdictsOf(course)).toMatchObject([{ verdict: 'halted' }]);
  });

  it('is cancelled between two victims, never while one is away', async () => {
    const course = await run({
      reportProgress: ({ progress }) => ({ cancelRequested: progress.done > 0 }),
      watchRecovery: (_, count) => watch({ recovered: count > 2 }),
    });
    expect(wavesOf(course)).toEqual([['a']]);
    expect(inputsOf(course, 'watchRecovery')).toHaveLength(3);
    expect(endingOf(course)).toMatchObject({
      state: 'cancelled',
      phase: 'ready',
      error: { code: 'CANCELLED', message: 'cancelled after 1 of 3 victims' },
    });
    expect(verdictsOf(course)).toMatchObject([{ verdict: 'cancelled' }]);
  });

  it('mends what the reconcile would mend, once Azure has done with the strike', async () => {
    const broken = view({ stopped: ['a'], agents: { desired: 3, ready: 1, total: 2, failed: 0, provisioned: 2 } });
    const course = await run({
      planChaos: () => plan({ vmIds: ['a'] }),
      strikeAgents: () => ({ ok: true, poller: 'poller', struck: ['a'] }),
      watchRecovery: (_, count) => watch({ view: broken, recovered: count === 4, poller: count < 3 ? 'poller' : null }),
      powerAgents: () => ({ ok: true, poller: null }),
      growTo: () => ({ ok: true, poller: null, capacity: 3 }),
    });
    const { operationId } = INPUT;
    expect(inputsOf(course, 'powerAgents')).toMatchObject([{ operationId, verb: 'start', vmIds: ['a'] }]);
    expect(inputsOf(course, 'growTo')).toMatchObject([{ operationId, agents: 3 }]);
  });

  it('waits for another change of the scale set, and ends at any other refusal', async () => {
    const patient = await run({
      strikeAgents: ({ targets }, count) =>
        count < 3
          ? refuse('SCALE_SET_CONFLICT', 'busy')
          : { ok: true, poller: null, struck: targets.map(({ vmId }) => vmId) },
    });
    expect(endingOf(patient)).toMatchObject({ state: 'succeeded', result: { verdict: 'passed' } });
    const refused = await run({ strikeAgents: () => refuse('AZURE_DENIED', 'locked') });
    expect(wavesOf(refused)).toHaveLength(1);
    expect(endingOf(refused)).toMatchObject({
      state: 'failed',
      error: { code: 'AZURE_DENIED', message: 'locked' },
      result: { verdict: 'skipped', reason: 'Azure refused: locked' },
    });
  });

  it('gives its report a verdict also when a step fails for good', async () => {
    const course = await run({
      watchRecovery: () => {
        throw new Error('the tables are gone');
      },
    });
    expect(verdictsOf(course)).toMatchObject([{ verdict: 'deviated' }]);
    expect(endingOf(course)).toMatchObject({
      state: 'failed',
      error: { code: 'INTERNAL', message: expect.stringContaining('the tables are gone') },
    });
  });
});
