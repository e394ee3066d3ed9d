import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePorts } from './ports';
import { buildOnce, isRunning, startStarlingProcess, type StarlingProcess } from './starling-process';

/** A minute of Azure in a second. 150 held on a busy machine as well; the rest is room for slower ones, whose work must fit the deadlines. */
const TIME_SCALE = 60;
/** Real time; a busy machine of two cores needs a tenth of it. */
const START_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 20_000;
export const OPERATION_DEADLINE_MS = 90_000;
const POLL_MS = 100;

export interface Answer<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

/** `npm start -- --empty` in a folder of its own, and how to talk to it. */
export interface Starling {
  readonly stateDir: string;
  /** With the function key. Rejects when nobody answers. */
  request<Body = Json>(method: string, path: string, body?: unknown): Promise<Answer<Body>>;
  /** A control route of the local Azure; throws unless it answers 200. */
  control<Body = Json>(method: string, path: string, body?: unknown): Promise<Body>;
  /** Polls until the operation has ended; a restart in between does not matter. */
  waitForOperation(id: string): Promise<Operation>;
  /** Ctrl-C in its terminal; resolves to the exit code. */
  interrupt(): Promise<number | string>;
  /** `kill -9`; resolves when its children have ended as well. */
  kill9(): Promise<void>;
  /** Starts again on the same state and the same ports. */
  restart(command?: string[]): Promise<void>;
  /** Another one on the same state: resolves to how it ended. */
  startSecond(): Promise<{ exitCode: number | string; output: string }>;
  /** Ids of its child processes. */
  children(): number[];
  output(): string;
  /** Ends it and removes its folder. Call it in `afterAll`. */
  stop(): Promise<void>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are looked into, not trusted
export type Json = any;

export interface Operation {
  id: string;
  verb: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  phase: string;
  progress: { done: number; total: number; unit: string };
  startedAt: string;
  endedAt: string | null;
  error: { code: string; message: string } | null;
  result: Json;
}

export async function startStarling(env: Record<string, string> = {}, options: string[] = []): Promise<Starling> {
  buildOnce();
  const stateDir = mkdtempSync(join(tmpdir(), 'starling-'));
  const variables = {
    STARLING_TIME_SCALE: `${TIME_SCALE}`,
    STARLING_STATE_DIR: stateDir,
    ...(await portVariables()), // the VMs remember the app's, so they stay the same over restarts
    ...env,
  };
  const starling = new RunningStarling(stateDir, variables, ['--empty', ...options]);
  try {
    await starling.restart();
  } catch (error) {
    await starling.stop();
    throw error;
  }
  return starling;
}

async function portVariables(): Promise<Record<string, string>> {
  const [app, azure] = await freePorts(2);
  return { PORT: `${app}`, LOCAL_AZURE_PORT: `${azure}` };
}

class RunningStarling implements Starling {
  private process!: StarlingProcess;
  private address = { appUrl: '', azureUrl: '', key: '' };

  constructor(
    readonly stateDir: string,
    private readonly env: Record<string, string>,
    private readonly args: string[],
  ) {}

  async restart(command?: string[]): Promise<void> {
    const started = startStarlingProcess(this.args, this.env, command);
    this.process = started;
    await waitUntil(
      'Starling has started',
      () => {
        if (!started.isAlive()) throw new Error(`Starling ended at its start: ${started.output()}`);
        return started.output().includes('Ctrl-C ends it');
      },
      START_DEADLINE_MS,
    );
    this.address = JSON.parse(readFileSync(join(this.stateDir, 'local.json'), 'utf8')) as typeof this.address;
  }

  async request<Body>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
    const response = await fetch(this.address.appUrl + path, {
      method,
      headers: { 'x-functions-key': this.address.key, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as Body,
    };
  }

  async control<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const response = await fetch(this.address.azureUrl + path, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as Body;
  }

  async waitForOperation(id: string): Promise<Operation> {
    let last: Operation | undefined;
    const ended = async (): Promise<boolean> => {
      const { status, body } = await this.request<Operation>('GET', `/api/operations/${id}`);
      if (status !== 200) throw new Error(`operation ${id} answered ${status}: ${JSON.stringify(body)}`);
      last = body;
      return body.state !== 'running';
    };
    await waitUntil(() => `operation ${id} has ended: ${JSON.stringify(last)}`, ended, OPERATION_DEADLINE_MS);
    return last!;
  }

  async interrupt(): Promise<number | string> {
    const children = this.children();
    this.process.interrupt();
    return this.afterEnd(children);
  }

  async kill9(): Promise<void> {
    const children = this.children();
    this.process.signal('SIGKILL');
    await this.afterEnd(children);
  }

  async startSecond(): Promise<{ exitCode: number | string; output: string }> {
    const second = startStarlingProcess(this.args, { ...this.env, ...(await portVariables()) });
    const late = wait(START_DEADLINE_MS, 'still running', { ref: false });
    const exitCode = await Promise.race([second.ended, late]);
    second.killGroup();
    return { exitCode, output: second.output() };
  }

  children(): number[] {
    return this.process.children();
  }

  output(): string {
    return this.process.output();
  }

  async stop(): Promise<void> {
    if (this.process.isAlive()) await this.interrupt();
    this.process.killGroup(); // it may have died and left children
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  private async afterEnd(children: number[]): Promise<number | string> {
    const late = wait(END_DEADLINE_MS, 'still running', { ref: false });
    const exit = await Promise.race([this.process.ended, late]);
    try {
      if (exit !== 'still running')
        await waitUntil('the children have ended', () => !children.some(isRunning), END_DEADLINE_MS);
    } finally {
      this.process.killGroup();
    }
    return exit;
  }
}

/** Polls until `probe` holds; the error after the deadline (real time) says what was waited for. */
export async function waitUntil(
  what: string | (() => string),
  probe: () => boolean | Promise<boolean>,
  deadlineMs = OPERATION_DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await probe())) {
    if (performance.now() > deadline)
      throw new Error(`not within ${deadlineMs / 1000} s: ${typeof what === 'string' ? what : what()}`);
    await wait(POLL_MS);
  }
}
