import type { Clock } from '../../clock';
import type { AppWorker, HubOptions, LogLine } from '../contract';
import { TaskRunner } from './activities';
import { Admission } from './admission';
import { Alarms } from './alarms';
import { Entities } from './entities';
import { concurrencyLimits } from './limits';
import { Orchestrations } from './orchestrations';
import type { Message, NewMessage, Task } from './records';
import { DurableStore } from './store';

const DEFAULT_PAYLOAD_LIMIT_BYTES = 10 * 1024 * 1024;
const DEFAULT_MAX_DEATHS = 3; // One may be chance and two bad luck.

/** Holds the parts of the Durable engine together and passes messages and finished tasks between them. */
export class Engine {
  readonly store: DurableStore;
  readonly clock: Clock;
  readonly worker: AppWorker;
  readonly alarms: Alarms;
  readonly admission: Admission;
  readonly payloadLimitBytes: number;
  readonly maxDeaths: number;
  readonly counts = { turns: 0, activities: 0, entityBatches: 0, endedOrchestrations: 0 };
  readonly orchestrations = new Orchestrations(this);
  stopped = false;
  private readonly entities = new Entities(this);
  private readonly tasks = new TaskRunner(this);
  private readonly queued = new Set<string>();

  constructor(private readonly options: HubOptions) {
    this.clock = options.clock;
    this.worker = options.worker;
    this.alarms = new Alarms(options.clock);
    this.admission = new Admission(concurrencyLimits(options.worker.hostJson));
    this.payloadLimitBytes = options.payloadLimitBytes ?? DEFAULT_PAYLOAD_LIMIT_BYTES;
    this.maxDeaths = options.maxDeaths ?? DEFAULT_MAX_DEATHS;
    this.store = new DurableStore(options.file); // last: from here on the file is locked
  }

  /** Takes up everything that was under way when the last host ended. */
  recover(): void {
    for (const message of this.store.allMessages()) this.deliver(message);
    for (const task of this.store.allTasks()) {
      if (task.state === 'open') this.dispatch(task);
      else this.orchestrations.wake(task.instanceId);
    }
  }

  stop(): void {
    this.stopped = true;
    this.alarms.cancelAll();
    this.store.close();
  }

  /** Stores a message, then delivers it. */
  async send(message: NewMessage): Promise<void> {
    this.deliver(await this.store.commit(() => this.store.addMessage(message)));
  }

  deliver(message: Message): void {
    if (this.stopped) return;
    if (message.dueAt > this.clock.now()) return this.deliverLater(message);
    if (message.to.startsWith('@')) this.entities.receive(message);
    else this.orchestrations.receive(message);
  }

  dispatch(task: Task): void {
    if (!this.stopped) this.tasks.dispatch(task);
  }

  cancel(task: Task): void {
    this.tasks.cancel(task);
  }

  taskEnded(task: Task): void {
    if (!this.stopped) this.orchestrations.taskEnded(task);
  }

  /** Runs `work` in the next turn of the event loop; asking again before that changes nothing, so arrivals are seen together. */
  ready(id: string, work: () => Promise<void>): void {
    if (this.stopped || this.queued.has(id)) return;
    this.queued.add(id);
    setImmediate(() => {
      this.queued.delete(id);
      if (!this.stopped) work().catch((error: unknown) => this.crash(id, error));
    });
  }

  log(level: LogLine['level'], category: string, message: string): void {
    this.options.log({ level, category: `Host.Durable.${category}`, message });
  }

  /** A fault of the host itself: what was being done stays in the store and is tried again by the next host. */
  crash(what: string, error: unknown): void {
    if (this.stopped) return;
    this.log(
      'critical',
      'Engine',
      `Fault of the host at ${what}: ${error instanceof Error ? error.stack : String(error)}`,
    );
  }

  /** An alarm may outlive its message: the instance may have ended, or been purged, and begun anew. */
  private deliverLater(message: Message): void {
    this.alarms.set(`message ${message.uid}`, message.dueAt, () => {
      if (this.store.hasMessage(message.uid)) this.deliver({ ...message, dueAt: 0 });
    });
  }
}
