import { Admission } from '../../local/host/durable/admission';
import { Alarms } from '../../local/host/durable/alarms';
import { concurrencyLimits } from '../../local/host/durable/limits';
import { isInternal, timerAfterFailure } from '../../local/host/durable/retry';
import { flattenActions, signature, toNewAction, type SdkAction } from '../../local/host/worker/actions';
import { functionTimeoutMs } from '../../local/host/worker/function-timeout';
import { mainFiles } from '../../local/host/worker/main-files';
import { resolveSettings } from '../../local/host/worker/settings';
import { virtualClock } from '../../local/clock';
import { SAMPLE_APP } from '../support/host-sample/build-entry';

/** Work that ends when told to, and a record of what has begun. */
function manualWork(): { begun: string[]; work(name: string): () => Promise<void>; end(name: string): Promise<void> } {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    work: (name) => () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    },
    async end(name) {
      ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('admission', () => {
  test('keeps to the limit of each kind', async () => {
    const admission = new Admission({ activity: 1, orchestrator: 2, entity: 1 });
    const { begun, work, end } = manualWork();
    for (const name of ['a1', 'a2']) void admission.run('activity', false, work(name));
    for (const name of ['o1', 'o2', 'o3']) void admission.run('orchestrator', false, work(name));
    await end('nothing');
    expect(begun).toEqual(['a1', 'o1', 'o2']);
    await end('a1');
    expect(begun).toEqual(['a1', 'o1', 'o2', 'a2']);
  });

  test('runs a suspect when nothing else runs, and nothing else beside it', async () => {
    const admission = new Admission({ activity: 5, orchestrator: 5, entity: 5 });
    const { begun, work, end } = manualWork();
    void admission.run('activity', false, work('first'));
    void admission.run('activity', true, work('suspect'));
    void admission.run('entity', false, work('later'));
    await end('nothing');
    expect(begun).toEqual(['first']);
    await end('first');
    expect(begun).toEqual(['first', 'suspect']);
    await end('suspect');
    expect(begun).toEqual(['first', 'suspect', 'later']);
  });

  test('goes on after work that failed', async () => {
    const admission = new Admission({ activity: 1, orchestrator: 1, entity: 1 });
    await expect(admission.run('activity', true, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(admission.run('activity', false, () => Promise.resolve(1))).resolves.toBe(1);
  });
});

describe('retries', () => {
  const policy = { maxAttempts: 3, firstIntervalMs: 100, backoffCoefficient: 3, maxIntervalMs: 500, timeoutMs: 10_000 };
  const call = { kind: 'activity' as const, name: 'a', input: null };

  test.each([
    [1, 100],
    [2, 300],
    [3, 500],
  ])('waits after attempt %i for %i ms', (attempt, waitMs) => {
    expect(timerAfterFailure({ call, policy, attempt, deadline: 10_000 }, 'f', 1000).dueAt).toBe(1000 + waitMs);
  });

  test('fails what is left at once when the time is over', () => {
    const late = timerAfterFailure({ call, policy, attempt: 1, deadline: 10_000 }, 'the failure', 10_000);
    expect(late).toMatchObject({ dueAt: 10_000, retry: { failure: 'the failure' } });
  });

  test('are events that only the SDK sees, but for the last', () => {
    const retry = { call, policy, attempt: 3, deadline: 0 };
    expect(isInternal({ kind: 'activity', retry, state: 'failed' })).toBe(true);
    expect(isInternal({ kind: 'activity', retry, state: 'succeeded' })).toBe(false);
    expect(isInternal({ kind: 'timer', retry, state: 'succeeded' })).toBe(false);
    expect(isInternal({ kind: 'timer', retry: { ...retry, attempt: 2 }, state: 'succeeded' })).toBe(true);
  });
});

describe('actions', () => {
  const activity = (name: string, input?: unknown): SdkAction => ({ actionType: 0, functionName: name, input });
  const any = (...compoundActions: SdkAction[]): SdkAction => ({ actionType: 11, compoundActions });

  test('are taken depth first', () => {
    const [a, b, c] = [activity('a'), activity('b'), activity('c')];
    expect(flattenActions([any(a, any(b)), c])).toEqual([a, b, c]);
  });

  test('may not appear twice, but waiting for the same event may', () => {
    const a = activity('a');
    const event: SdkAction = { actionType: 6, externalEventName: 'E' };
    expect(() => flattenActions([any(a), any(a)])).toThrow(/callActivity 'a' is part of a second Task.any/);
    expect(flattenActions([any(event), any(event)])).toEqual([event]);
  });

  test('of a scheduled signal say when it is due', () => {
    const fireAt = new Date(5000);
    const action: SdkAction = { actionType: 10, instanceId: '@counter@a', operation: 'add', input: 1, fireAt };
    expect(toNewAction(action, 3)).toMatchObject({ id: 3, kind: 'signalEntity', input: '1', dueAt: 5000 });
  });

  test('are compared by name and by inputs that cannot change in place', () => {
    expect(signature(activity('a', 1))).not.toBe(signature(activity('a', 2)));
    expect(signature(activity('a', { n: 1 }))).toBe(signature(activity('a', { n: 2 })));
  });
});

test.each([
  ['00:05:00', 300_000],
  ['1.00:00:01', 86_401_000],
  ['-1', undefined],
  [undefined, 300_000],
])('reads functionTimeout %s as %s ms', (text, ms) => {
  expect(functionTimeoutMs(text)).toBe(ms);
});

test('refuses a functionTimeout that it cannot read', () => {
  expect(() => functionTimeoutMs('5 minutes')).toThrow(/00:05:00/);
});

test('takes concurrency limits from host.json', () => {
  const limits = concurrencyLimits({ extensions: { durableTask: { maxConcurrentActivityFunctions: 7 } } });
  expect(limits.activity).toBe(7);
  expect(limits.orchestrator).toBeGreaterThanOrEqual(10);
  expect(() => concurrencyLimits({ extensions: { durableTask: { maxConcurrentActivityFunctions: 0 } } })).toThrow(
    /at least 1/,
  );
});

test.each(['src/*.js', './src/{durable,nothing}.js', '**/durable.js', 'src/durable.js'])(
  'finds the files of main %s',
  (main) => {
    expect(mainFiles(SAMPLE_APP, main)).toContainEqual(expect.stringMatching(/src.durable\.js$/));
  },
);

test('resolves settings, and leaves an unknown one to be seen', () => {
  const resolved = resolveSettings({ schedule: '%CRON%', list: ['%NOPE%', 1] }, { CRON: '0 * * * * *' });
  expect(resolved).toEqual({ schedule: '0 * * * * *', list: ['%NOPE%', 1] });
});

test('rings an alarm once, at its time, unless it was cancelled or replaced', async () => {
  const clock = virtualClock(0);
  const alarms = new Alarms(clock);
  const rung: string[] = [];
  alarms.set('a', 100, () => rung.push(`a at ${clock.now()}`));
  alarms.set('b', 50, () => rung.push('b'));
  alarms.set('c', 50, () => rung.push('early c'));
  alarms.set('c', 200, () => rung.push(`c at ${clock.now()}`));
  alarms.cancel('b');
  await clock.advance(1000);
  expect(rung).toEqual(['a at 100', 'c at 200']);
});
