import { join } from 'node:path';
import type { Clock } from '../../clock';
import type { AppWorker, FunctionMetadata, LogLine } from '../contract';
import type { Settings } from '../settings';
import { fileMonitor } from './monitor';
import { parseSchedule } from './schedule';
import { Timer } from './timer';

export interface TimersOptions {
  worker: AppWorker;
  stateDir: string;
  clock: Clock;
  settings: Settings;
  log: (line: LogLine) => void;
}

export interface Timers {
  /** One run out of turn. A name that is no timer's is ignored. */
  runNow(functionName: string): void;
  stop(): void;
}

/** Starts every timer function. One whose schedule is not valid is named in the log and never runs; the others do. */
export function startTimers(options: TimersOptions): Timers {
  const monitor = fileMonitor(join(options.stateDir, 'timers.json'));
  const timeZone = chosenTimeZone(options);
  const timers = new Map<string, Timer>();
  for (const item of options.worker.functions.filter(({ trigger }) => trigger.type === 'timerTrigger')) {
    try {
      timers.set(item.name.toLowerCase(), createTimer(options, item, { monitor, timeZone }));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      options.log({
        level: 'error',
        category: 'Host.Startup',
        message: `The timer '${item.name}' cannot run. ${error.message}`,
      });
    }
  }
  for (const timer of timers.values()) timer.start();
  return {
    runNow: (functionName) => timers.get(functionName.toLowerCase())?.runNow(),
    stop: () => timers.forEach((timer) => timer.stop()),
  };
}

interface Shared {
  monitor: ReturnType<typeof fileMonitor>;
  timeZone: string;
}

function createTimer(
  options: TimersOptions,
  { name, trigger }: FunctionMetadata,
  { monitor, timeZone }: Shared,
): Timer {
  return new Timer({
    functionName: name,
    schedule: parseSchedule(withSettings(String(trigger.schedule), options.settings), timeZone),
    runOnStartup: trigger.runOnStartup === true,
    useMonitor: trigger.useMonitor !== false,
    monitor,
    worker: options.worker,
    clock: options.clock,
    log: options.log,
  });
}

/** @throws RangeError naming the setting that is missing. */
function withSettings(schedule: string, settings: Settings): string {
  return schedule.replace(/%([^%\s]+)%/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined) throw new RangeError(`The app setting '${name}' of its schedule is not set.`);
    return value;
  });
}

/** WEBSITE_TIME_ZONE, else TZ, else UTC; IANA names only. */
function chosenTimeZone({ settings, log }: TimersOptions): string {
  const wanted = settings.WEBSITE_TIME_ZONE || settings.TZ || 'UTC';
  try {
    new Intl.DateTimeFormat('en', { timeZone: wanted });
    return wanted;
  } catch {
    log({
      level: 'warning',
      category: 'Host.Startup',
      message: `The time zone '${wanted}' is unknown; schedules count in UTC.`,
    });
    return 'UTC';
  }
}
