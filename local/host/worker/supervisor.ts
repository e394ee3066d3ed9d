import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import {
  WorkerLost,
  WorkerStopped,
  type AppWorker,
  type FunctionMetadata,
  type Invocation,
  type InvocationOutput,
  type WorkerOptions,
} from '../contract';
import { Child } from './child';
import { defaultEntryFile } from './entry-file';
import type { EntityAnswer, EntityBatch, LoadedApp, OrchestrationTurn, TurnAnswer, Work } from './protocol';

const QUICK_DEATH_MS = 10_000; // A process that lived longer was not broken from the start.
const FIRST_BACKOFF_MS = 100; // The first restart is immediate, then 100 ms, 200 ms …
const LONGEST_BACKOFF_MS = 5_000;
const DEFAULT_GRACE_MS = 5_000;

/** Starts the app in a child process; rejects with the app's own error when it cannot be loaded. */
export async function startWorker(options: WorkerOptions): Promise<AppWorker> {
  const worker = new Supervisor(options);
  await worker.start();
  return worker;
}

class Supervisor implements AppWorker {
  private readonly entryFile: string;
  private child?: Child;
  private current!: Promise<Child>;
  private app!: LoadedApp;
  private quickDeaths = 0;
  private startedAt = 0; // real time, of the running child
  private stopped = false;
  private durableClient: () => string = () => '{}';

  constructor(private readonly options: WorkerOptions) {
    this.entryFile = options.entryFile ?? defaultEntryFile();
  }

  get functions(): readonly FunctionMetadata[] {
    return this.app.functions;
  }

  get hostJson(): AppWorker['hostJson'] {
    return this.app.hostJson as AppWorker['hostJson'];
  }

  get settings(): Readonly<Record<string, string>> {
    return this.app.settings;
  }

  get httpStreamUrl(): string | undefined {
    return this.app.httpStreamUrl;
  }

  find(name: string): FunctionMetadata | undefined {
    return this.app.functions.find((each) => each.name.toLowerCase() === name.toLowerCase());
  }

  setDurableClientBinding(provide: () => string): void {
    this.durableClient = provide;
  }

  async start(): Promise<void> {
    this.current = this.launch();
    await this.current;
  }

  async invoke(invocation: Invocation): Promise<InvocationOutput> {
    const { functionName, data, triggerMetadata = {}, invocationId = randomUUID() } = invocation;
    const durableClient = this.find(functionName)?.durableClients.length ? this.durableClient() : null;
    const call = { functionName, data, triggerMetadata, invocationId, durableClient };
    return (await this.run({ kind: 'function', call })) as InvocationOutput;
  }

  async orchestrate(turn: OrchestrationTurn): Promise<TurnAnswer> {
    return (await this.run({ kind: 'turn', turn })) as TurnAnswer;
  }

  async runEntity(batch: EntityBatch): Promise<EntityAnswer> {
    return (await this.run({ kind: 'entity', batch })) as EntityAnswer;
  }

  async stop(graceMs = DEFAULT_GRACE_MS): Promise<void> {
    this.stopped = true;
    const child = this.child;
    if (!child) return;
    child.requestStop();
    const late = setTimeout(() => child.kill(), graceMs);
    await child.ended;
    clearTimeout(late);
  }

  private async run(work: Work): Promise<unknown> {
    for (;;) {
      if (this.stopped) throw new WorkerStopped();
      const child = await this.current;
      if (child.isAlive) return child.run(work);
      await child.ended; // `onEnd`, which replaces `current`, has been waiting longer
    }
  }

  private async launch(): Promise<Child> {
    const child = new Child(this.entryFile, this.options);
    this.child = child;
    this.startedAt = performance.now();
    this.app = await child.loaded;
    void child.ended.then((reason) => this.onEnd(child, reason));
    return child;
  }

  private onEnd(child: Child, reason: string): void {
    if (this.stopped) return;
    this.log('error', `The worker process ended (${reason}) and is started again.`);
    const wasSound = child.hasWorked || performance.now() - this.startedAt > QUICK_DEATH_MS;
    this.quickDeaths = wasSound ? 0 : this.quickDeaths + 1;
    this.relaunch();
  }

  private relaunch(): void {
    this.current = this.launchAfterBackoff();
    this.current.catch((error: Error) => {
      if (this.stopped) return;
      this.log('critical', error.message);
      this.quickDeaths++;
      this.relaunch();
    });
  }

  private async launchAfterBackoff(): Promise<Child> {
    const backoffMs =
      this.quickDeaths < 2 ? 0 : Math.min(FIRST_BACKOFF_MS * 2 ** (this.quickDeaths - 2), LONGEST_BACKOFF_MS);
    if (backoffMs > 0) await wait(backoffMs, undefined, { ref: false });
    if (this.stopped) throw new WorkerStopped();
    try {
      return await this.launch();
    } catch (error) {
      throw new WorkerLost((error as Error).message, 'innocent');
    }
  }

  private log(level: 'error' | 'critical', message: string): void {
    this.options.log({ level, category: 'Host.Worker', message });
  }
}
