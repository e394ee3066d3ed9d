import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { InvocationFailure, WorkerLost, type WorkerOptions } from '../contract';
import { functionTimeoutMs } from './function-timeout';
import { LAST_WORDS_FD, type FromChild, type LastWords, type LoadedApp, type ToChild, type Work } from './protocol';

interface OpenWork {
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer?: NodeJS.Timeout;
}

const LAST_WORDS_WAIT_MS = 200; // They are in the pipe already when the process is gone; a grandchild may hold it open.
const PING_WAIT_MS = 250; // An idle event loop answers within a few ms.

const NOBODY = 0; // Ids begin at 1.

/** One life of the child process. */
export class Child {
  private readonly process: ChildProcess;
  private readonly open = new Map<number, OpenWork>();
  private nextId = 1;
  private lastWords = '';
  private timedOut?: { reason: string; guilty: number | null };
  private pong?: () => void;
  private timeoutMs: number | undefined;
  private gone = false;
  /** It has carried something out, so what ended it was no fault of the app as a whole. */
  hasWorked = false;
  /** Resolves when the app is loaded, rejects when it could not be. */
  readonly loaded: Promise<LoadedApp>;
  /** Resolves with the reason when the process has ended. Open work has been rejected by then. */
  readonly ended: Promise<string>;

  constructor(
    entryFile: string,
    private readonly options: WorkerOptions,
  ) {
    const { appDir, env, nodeArgs } = options;
    this.process = fork(entryFile, [appDir], {
      cwd: appDir,
      env: { ...process.env, ...env },
      execArgv: nodeArgs,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
    });
    this.forwardOutput();
    this.loaded = this.watchLoading();
    this.loaded.catch(() => undefined); // whoever awaits it hears of it
    this.ended = this.watchEnd();
    this.process.on('message', (message) => this.receive(message as FromChild));
  }

  get isAlive(): boolean {
    return !this.gone;
  }

  /** Rejects with `WorkerLost` or `InvocationFailure`; the process is ended when functionTimeout of real time has passed. */
  run(work: Work): Promise<unknown> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer =
        this.timeoutMs === undefined ? undefined : setTimeout(() => void this.onTimeout(id), this.timeoutMs);
      this.open.set(id, { resolve, reject, timer });
      this.send({ type: 'work', id, work });
    });
  }

  requestStop(): void {
    this.timedOut = { reason: 'it was stopped', guilty: NOBODY };
    this.send({ type: 'stop' });
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }

  private send(message: ToChild): void {
    if (this.process.connected) this.process.send(message, () => undefined); // a lost channel is told by 'exit'
  }

  private receive(message: FromChild): void {
    if (message.type === 'log') this.options.log(message.line);
    else if (message.type === 'pong') this.pong?.();
    else if (message.type === 'done') this.finish(message.id)?.resolve(message.value);
    else if (message.type === 'failed')
      this.finish(message.id)?.reject(new InvocationFailure(message.error.message, message.error));
  }

  private finish(id: number): OpenWork | undefined {
    this.hasWorked = true;
    return this.close(id);
  }

  private close(id: number): OpenWork | undefined {
    const work = this.open.get(id);
    this.open.delete(id);
    clearTimeout(work?.timer);
    return work;
  }

  /** A child that still answers was held up by this work alone; one that does not may be blocked by any other. */
  private async onTimeout(id: number): Promise<void> {
    const answers = await new Promise<boolean>((resolve) => {
      this.pong = () => resolve(true);
      setTimeout(() => resolve(false), PING_WAIT_MS);
      this.send({ type: 'ping' });
    });
    if (!this.open.has(id)) return;
    const seconds = (this.timeoutMs ?? 0) / 1000;
    const guilty = answers || this.open.size === 1 ? id : null;
    this.timedOut ??= { reason: `it did not end within functionTimeout (${seconds} s)`, guilty };
    this.kill();
  }

  private watchLoading(): Promise<LoadedApp> {
    const { appDir } = this.options;
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        reject(new Error(`The app in ${appDir} could not be loaded: ${reason}`));
        this.kill();
      };
      this.process.on('message', (message: FromChild) => {
        if (message.type === 'notLoaded') return fail(message.error.stack ?? message.error.message);
        if (message.type !== 'loaded') return;
        try {
          this.timeoutMs = functionTimeoutMs(message.app.hostJson.functionTimeout);
          resolve(message.app);
        } catch (error) {
          fail((error as Error).message);
        }
      });
      this.process.once('error', reject);
      this.process.once('exit', () => reject(new Error(`The app in ${appDir} ended its process while it was loaded.`)));
    });
  }

  private async watchEnd(): Promise<string> {
    const words = this.process.stdio[LAST_WORDS_FD] as Readable;
    words.on('data', (chunk: Buffer) => (this.lastWords += chunk.toString()));
    const wordsEnded = new Promise((resolve) => words.once('close', resolve));
    const how = await new Promise<string>((resolve) => {
      this.process.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
      this.process.once('error', (error) => resolve(error.message));
    });
    this.gone = true;
    await Promise.race([wordsEnded, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_WAIT_MS))]);
    return this.rejectOpenWork(how);
  }

  private rejectOpenWork(how: string): string {
    const { guilty, reason } = this.timedOut ??
      parseLastWords(this.lastWords) ?? { guilty: null, reason: 'it ended by itself' };
    for (const id of [...this.open.keys()]) {
      const blame = guilty === null ? 'unknown' : guilty === id ? 'guilty' : 'innocent';
      this.close(id)?.reject(new WorkerLost(`The worker process was lost (${how}): ${reason}.`, blame));
    }
    return `${how}: ${reason}`;
  }

  private forwardOutput(): void {
    const forward = (stream: Readable | null, level: 'information' | 'error'): void => {
      if (!stream) return;
      createInterface({ input: stream }).on('line', (message) => {
        this.options.log({ level, category: 'Host.Function.Console', message });
      });
    };
    forward(this.process.stdout, 'information');
    forward(this.process.stderr, 'error');
  }
}

function parseLastWords(text: string): LastWords | undefined {
  return text ? (JSON.parse(text) as LastWords) : undefined;
}
