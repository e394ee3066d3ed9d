import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { virtualClock, type VirtualClock } from '../../local/clock';
import {
  InvocationFailure,
  WorkerLost,
  type Invocation,
  type InvocationOutput,
  type LogLine,
} from '../../local/host/contract';
import { isMonitored, parseSchedule } from '../../local/host/timers/schedule';
import { startTimers, type Timers } from '../../local/host/timers/start-timers';
import { withoutDisabled } from '../../local/host/settings';
import { fakeWorker } from './host-http-fakes';

const at = (text: string): number => Date.parse(text);
const iso = (time: number): string => new Date(time).toISOString();

describe('a schedule', () => {
  test.each([
    ['0 */5 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:05:00.000Z'],
    ['*/10 * * * * *', '2026-01-01T00:00:09.999Z', '2026-01-01T00:00:10.000Z'],
    ['*/5 * * * *', '2026-01-01T00:01:30Z', '2026-01-01T00:05:00.000Z'],
    ['0 5/15 * * * *', '2026-01-01T00:06:00Z', '2026-01-01T00:20:00.000Z'],
    ['0 30 9 * Jan Mon-Fri', '2026-01-03T00:00:00Z', '2026-01-05T09:30:00.000Z'],
    ['0 0 0 13 * 5', '2026-01-01T00:00:00Z', '2026-02-13T00:00:00.000Z'], // both fields must fit
    ['0 0 0 29 2 0', '2026-01-01T00:00:00Z', '2032-02-29T00:00:00.000Z'],
    ['00:05:00', '2026-01-01T00:01:00Z', '2026-01-01T00:06:00.000Z'],
    ['1.00:00:30', '2026-01-01T00:00:00Z', '2026-01-02T00:00:30.000Z'],
  ])('%s after %s comes at %s', (schedule, after, expected) => {
    expect(iso(parseSchedule(schedule, 'UTC').next(at(after)))).toBe(expected);
  });

  test('counts in its time zone, over the change to summer time', () => {
    const schedule = parseSchedule('0 30 9 * * *', 'Europe/Lisbon');
    expect(iso(schedule.next(at('2026-03-28T00:00:00Z')))).toBe('2026-03-28T09:30:00.000Z');
    expect(iso(schedule.next(at('2026-03-29T00:00:00Z')))).toBe('2026-03-29T08:30:00.000Z');
  });

  test.each([
    '',
    'x',
    '* * * *',
    '0 0 0 * * 7',
    '0 60 * * * *',
    '0 0 0 L * *',
    '@daily',
    '24:00:00',
    '00:00:00',
    '00:61:00',
    '0 0 0 31 2 *',
  ])('that reads "%s" is refused', (schedule) => {
    expect(() => parseSchedule(schedule, 'UTC').next(0)).toThrow(RangeError);
  });

  test('below a minute is not monitored', () => {
    expect(isMonitored(parseSchedule('*/30 * * * * *', 'UTC'), 0)).toBe(false);
    expect(isMonitored(parseSchedule('0 */1 * * * *', 'UTC'), 0)).toBe(true);
  });
});

describe('timers', () => {
  interface TimerInfo {
    IsPastDue: boolean;
    ScheduleStatus: { Last: string; Next: string; LastUpdated: string } | null;
  }
  const START = at('2026-01-01T00:00:30Z');
  let stateDir: string;
  let clock: VirtualClock;
  let running: Timers[];
  let lines: LogLine[];
  let runs: { at: string; info: TimerInfo; name: string }[];

  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'host-timers-'));
    clock = virtualClock(START);
    [running, lines, runs] = [[], [], []];
  });
  afterEach(() => {
    running.forEach((timers) => timers.stop());
    rmSync(stateDir, { recursive: true, force: true });
  });

  type Run = (invocation: Invocation) => Promise<InvocationOutput> | InvocationOutput;
  function start(trigger: object, options: { run?: Run; settings?: Record<string, string> } = {}): Timers {
    const run = (invocation: Invocation): Promise<InvocationOutput> | InvocationOutput => {
      const info = JSON.parse((invocation.data as { json: string }).json) as TimerInfo;
      runs.push({ at: iso(clock.now()), info, name: invocation.functionName });
      return options.run?.(invocation) ?? {};
    };
    const { settings = {} } = options;
    const worker = withoutDisabled(
      fakeWorker({ tick: { trigger: { type: 'timerTrigger', ...trigger }, run } }),
      settings,
    );
    const timers = startTimers({ worker, stateDir, clock, settings, log: (line) => lines.push(line) });
    running.push(timers);
    return timers;
  }
  const times = (): string[] => runs.map((run) => run.at.slice(11, 19));
  const MINUTE = 60_000;

  test('run by the clock they are given, each with the status from before it', async () => {
    start({ schedule: '0 * * * * *' });
    await clock.advance(2 * MINUTE);
    expect(times()).toEqual(['00:01:00', '00:02:00']);
    expect(runs[0]!.info).toMatchObject({
      IsPastDue: false,
      ScheduleStatus: { Last: '0001-01-01T00:00:00', Next: '2026-01-01T00:01:00.000Z' },
    });
    expect(runs[1]!.info.ScheduleStatus).toMatchObject({
      Last: '2026-01-01T00:01:00.000Z',
      Next: '2026-01-01T00:02:00.000Z',
    });
  });

  test('do not run at the start, unless they ask to', async () => {
    start({ schedule: '0 0 * * * *' });
    await clock.advance(1000);
    expect(times()).toEqual([]);
    start({ schedule: '0 0 * * * *', runOnStartup: true });
    await clock.advance(1000);
    expect(runs.map(({ info }) => info.IsPastDue)).toEqual([false]);
  });

  test('that were missed while the host was down run once at once, as past due', async () => {
    start({ schedule: '0 * * * * *' });
    await clock.advance(MINUTE);
    running.pop()!.stop();
    await clock.advance(10 * MINUTE);
    start({ schedule: '0 * * * * *' });
    await clock.advance(45_000);
    expect(times()).toEqual(['00:01:00', '00:11:30', '00:12:00']);
    expect(runs.map(({ info }) => info.IsPastDue)).toEqual([false, true, false]);
    expect(runs[1]!.info.ScheduleStatus!.Last).toBe('2026-01-01T00:01:00.000Z');
  });

  test('that were not due yet keep their time over a restart', async () => {
    start({ schedule: '00:10:00' });
    await clock.advance(4 * MINUTE);
    running.pop()!.stop();
    await clock.advance(2 * MINUTE);
    start({ schedule: '00:10:00' });
    await clock.advance(5 * MINUTE);
    expect(times()).toEqual(['00:10:30']);
    expect(runs[0]!.info.IsPastDue).toBe(false);
  });

  test('are not past due by a schedule that they did not have then', async () => {
    start({ schedule: '0 * * * * *' });
    await clock.advance(MINUTE);
    running.pop()!.stop();
    await clock.advance(10 * MINUTE);
    start({ schedule: '0 0 * * * *' });
    await clock.advance(MINUTE);
    expect(times()).toEqual(['00:01:00']);
  });

  test.each([{ schedule: '0 * * * * *', useMonitor: false }, { schedule: '*/30 * * * * *' }])(
    'without a monitor are never past due: %p',
    async (trigger) => {
      start(trigger);
      await clock.advance(MINUTE);
      running.pop()!.stop();
      const before = runs.length;
      await clock.advance(10 * MINUTE + 1000);
      start(trigger);
      await clock.advance(1000);
      expect(runs).toHaveLength(before);
      expect(runs[0]!.info).toMatchObject({ ScheduleStatus: null, IsPastDue: false });
    },
  );

  test('run one at a time; what falls due meanwhile is skipped', async () => {
    let finish = (): void => undefined;
    start({ schedule: '0 * * * * *' }, { run: () => new Promise((resolve) => (finish = () => resolve({}))) });
    await clock.advance(4 * MINUTE);
    expect(times()).toEqual(['00:01:00']);
    finish();
    await clock.advance(MINUTE);
    expect(times()).toEqual(['00:01:00', '00:05:00']);
  });

  test('by hand wait for the run under way and leave the schedule as it is', async () => {
    let finish = (): void => undefined;
    const timers = start(
      { schedule: '0 * * * * *' },
      { run: () => new Promise((resolve) => (finish = () => resolve({}))) },
    );
    timers.runNow('TICK');
    await clock.advance(1000);
    expect(times()).toEqual(['00:00:30']);
    timers.runNow('tick');
    await clock.advance(1000);
    expect(runs).toHaveLength(1);
    finish();
    await clock.advance(1000);
    expect(runs).toHaveLength(2);
    finish();
    await clock.advance(30_000);
    expect(times().at(-1)).toBe('00:01:00');
  });

  test.each([new InvocationFailure('boom', { name: 'Error', message: 'boom' }), new WorkerLost('gone')])(
    'go on after a failure: %s',
    async (error) => {
      start({ schedule: '0 * * * * *' }, { run: () => Promise.reject(error) });
      await clock.advance(2 * MINUTE);
      expect(times()).toEqual(['00:01:00', '00:02:00']);
      expect(lines.filter(({ level }) => level === 'error')).toHaveLength(2);
    },
  );

  test('cut off by the end of the host run again as past due', async () => {
    let cutOff = (): void => undefined;
    start(
      { schedule: '0 * * * * *' },
      { run: () => new Promise((_, reject) => (cutOff = () => reject(new WorkerLost('stopped')))) },
    );
    await clock.advance(MINUTE);
    running.pop()!.stop();
    cutOff();
    await clock.advance(1000);
    start({ schedule: '0 * * * * *' });
    await clock.advance(1000);
    expect(runs.map(({ info }) => info.IsPastDue)).toEqual([false, true]);
  });

  test('take their schedule and time zone from app settings', async () => {
    start({ schedule: '%EVERY%' }, { settings: { EVERY: '0 1 13 * * *', WEBSITE_TIME_ZONE: 'Asia/Tokyo' } });
    await clock.advance(5 * 60 * MINUTE);
    expect(times()).toEqual(['04:01:00']);
  });

  test('with a schedule that is not valid, or whose setting is missing, never run and are named', async () => {
    start({ schedule: 'nonsense' });
    start({ schedule: '%MISSING%' });
    await clock.advance(2 * MINUTE);
    expect(runs).toEqual([]);
    expect(lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(/'tick'.*nonsense/),
      expect.stringMatching(/'tick'.*MISSING/),
    ]);
  });

  test('that are disabled never run', async () => {
    start({ schedule: '0 * * * * *', runOnStartup: true }, { settings: { 'AzureWebJobs.tick.Disabled': 'true' } });
    await clock.advance(2 * MINUTE);
    expect(runs).toEqual([]);
  });
});
