import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { DurableHub } from '../../../local/host/contract';
import { buildWorkerEntry, bundle, SAMPLE_APP } from './build-entry';

interface Answer {
  id: number;
  value?: unknown;
  error?: string;
}

/** A host in its own process that can be killed at any moment and started again on the same state. */
export class KillableHost {
  private process!: ChildProcess;
  private nextId = 1;
  private readonly open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  /** What the host wrote to stderr: its own faults. */
  errors = '';

  constructor(
    private readonly file: string,
    private readonly counterDir: string,
  ) {}

  async start(): Promise<void> {
    const env = { ...process.env, STARLING_WORKER_ENTRY: buildWorkerEntry() };
    const entry = bundle('test/support/host-sample/host-process.ts', 'host-process');
    this.process = fork(entry, [SAMPLE_APP, this.file, this.counterDir], {
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.process.stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    const ready = new Promise((resolve, reject) => this.open.set(0, { resolve, reject }));
    this.process.on('message', (answer: Answer) => this.receive(answer));
    this.process.once('exit', () => this.rejectAll());
    await ready;
  }

  /** Calls a method of the hub; rejects when the host is killed before it has answered. */
  call<M extends keyof DurableHub>(
    method: M,
    ...args: Parameters<DurableHub[M]>
  ): Promise<Awaited<ReturnType<DurableHub[M]>>> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve: resolve as (value: unknown) => void, reject });
      if (!this.process.connected) return reject(new Error('the host is dead'));
      this.process.send({ id, method, args }, (error) => error && reject(error));
    });
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }

  private receive({ id, value, error }: Answer): void {
    const call = this.open.get(id);
    this.open.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(error));
  }

  private rejectAll(): void {
    for (const call of this.open.values()) call.reject(new Error(`the host is dead: ${this.errors}`));
    this.open.clear();
  }
}
