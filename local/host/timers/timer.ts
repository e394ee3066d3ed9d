import type { Clock } from '../../clock';
import { WorkerLost, type AppWorker, type LogLine } from '../contract';
import type { ScheduleMonitor, ScheduleStatus } from './monitor';
import { isMonitored, type Schedule } from './schedule';

export interface TimerOptions {
  functionName: string;
  schedule: Schedule;
  runOnStartup: boolean;
  /** What the function asks for; below a minute a schedule is never monitored. */
  useMonitor: boolean;
  monitor: ScheduleMonitor;
  worker: AppWorker;
  clock: Clock;
  log: (line: LogLine) => void;
}

/** What .NET writes for a time that never was; apps compare with it. */
const NEVER = '0001-01-01T00:00:00';

/**
 * One timer function. It runs once at a time; what falls due meanwhile is skipped. The status is written after a run, so
 * that a run which a crash interrupted comes again, as past due.
 */
export class Timer {
  private readonly monitor?: ScheduleMonitor;
  private status: ScheduleStatus;
  private armed?: { cancel(): void };
  private busy: Promise<void> = Promise.resolve();
  private stopped = false;
  /** Only a run that an earlier host left out can be; at the start of a fast clock even a fresh timer may be due. */
  private readonly isPastDue: boolean;

  constructor(private readonly options: TimerOptions) {
    const { schedule, clock, functionName } = options;
    const now = clock.now();
    this.monitor = options.useMonitor && isMonitored(schedule, now) ? options.monitor : undefined;
    const saved = this.monitor?.get(functionName);
    this.status = saved ? this.adapted(saved) : { next: schedule.next(now), lastUpdated: now };
    this.isPastDue = saved !== undefined && now > this.status.next;
    this.monitor?.set(functionName, this.status);
  }

  start(): void {
    if (this.isPastDue || this.options.runOnStartup) this.runThenArm(this.isPastDue);
    else this.arm();
  }

  /** One run out of turn, after the one under way; the schedule stays as it is. */
  runNow(): void {
    this.busy = this.busy.then(() => this.invoke(false)).then(() => undefined);
  }

  /** Begins nothing more; what runs is left to the worker. */
  stop(): void {
    this.stopped = true;
    this.armed?.cancel();
  }

  /** A schedule that changed while the host was down counts from when the status was written, and is not past due by it. */
  private adapted(saved: ScheduleStatus): ScheduleStatus {
    const { schedule } = this.options;
    const expected = schedule.next(saved.last ?? saved.lastUpdated);
    return expected === saved.next || schedule.next(saved.lastUpdated) === saved.next
      ? saved
      : { ...saved, next: schedule.next(saved.lastUpdated) };
  }

  private arm(): void {
    if (this.stopped) return;
    const { clock, schedule } = this.options;
    const now = clock.now();
    if (this.status.next <= now) this.status = { ...this.status, next: schedule.next(now) };
    this.armed = clock.at(this.status.next, () => this.runThenArm(false));
  }

  private runThenArm(isPastDue: boolean): void {
    this.busy = this.busy.then(async () => {
      if (this.stopped) return;
      await this.runScheduled(isPastDue);
      this.arm();
    });
  }

  private async runScheduled(isPastDue: boolean): Promise<void> {
    const { clock, schedule, functionName } = this.options;
    const startedAt = clock.now();
    const wasCutOff = !(await this.invoke(isPastDue)) && this.stopped;
    if (wasCutOff) return;
    const now = clock.now();
    this.status = { last: startedAt, next: schedule.next(now), lastUpdated: now };
    this.monitor?.set(functionName, this.status);
  }

  /** False when the worker was lost. A function that throws has run: the schedule goes on. */
  private async invoke(isPastDue: boolean): Promise<boolean> {
    const { worker, functionName, log } = this.options;
    try {
      await worker.invoke({ functionName, data: { json: JSON.stringify(this.timerInfo(isPastDue)) } });
      return true;
    } catch (error) {
      const message = `Executed '${functionName}' (Failed): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      log({ level: 'error', category: `Function.${functionName}`, message });
      return !(error instanceof WorkerLost);
    }
  }

  /** The status is the one from before this run, as the real host gives it; without a monitor there is none. */
  private timerInfo(isPastDue: boolean): object {
    const { last, next, lastUpdated } = this.status;
    const text = (time: number): string => new Date(time).toISOString();
    const status = { Last: last === undefined ? NEVER : text(last), Next: text(next), LastUpdated: text(lastUpdated) };
    return { Schedule: { AdjustForDST: true }, ScheduleStatus: this.monitor ? status : null, IsPastDue: isPastDue };
  }
}
