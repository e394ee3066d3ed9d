import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scaledClock, type Clock } from '../../local/clock';
import type {
  AppWorker,
  DurableHub,
  FunctionMetadata,
  Invocation,
  InvocationOutput,
  LogLine,
} from '../../local/host/contract';
import { openHost, type FunctionsHost, type HostOptions } from '../../local/host/host';

export type Handler = (invocation: Invocation) => Promise<InvocationOutput> | InvocationOutput;

/** A function of a hand-written app: its trigger, and what it does. */
export interface FakeFunction {
  trigger: { type: string; [setting: string]: unknown };
  run?: Handler;
  extraBindings?: Record<string, { type: string }>;
}

export function fakeWorker(
  app: Record<string, FakeFunction>,
  over: Partial<AppWorker> = {},
): AppWorker & { clientBinding(): string } {
  const functions: FunctionMetadata[] = Object.entries(app).map(([name, { trigger, extraBindings }]) => ({
    name,
    trigger,
    triggerName: 'trigger',
    bindings: { trigger, ...extraBindings },
    durableClients: [],
  }));
  let binding = (): string => '';
  return {
    functions,
    hostJson: {},
    settings: {},
    find: (name) => functions.find((each) => each.name.toLowerCase() === name.toLowerCase()),
    invoke: async (invocation) => (await app[invocation.functionName]!.run?.(invocation)) ?? {},
    orchestrate: () => Promise.reject(new Error('not used here')),
    runEntity: () => Promise.reject(new Error('not used here')),
    setDurableClientBinding: (provide) => void (binding = provide),
    clientBinding: () => binding(),
    stop: async () => undefined,
    ...over,
  };
}

/** Only what a test names; anything else fails the test by its name. */
export function fakeHub(over: Partial<DurableHub> = {}): DurableHub {
  const known = { stop: async () => undefined, ...over };
  return new Proxy(known as DurableHub, {
    get(target, name) {
      if (name in target || name === 'then') return Reflect.get(target, name) as unknown;
      throw new Error(`the test's hub has no ${String(name)}`);
    },
  });
}

export interface TestHost extends FunctionsHost {
  stateDir: string;
  lines: LogLine[];
}

export function realClock(): Clock {
  return scaledClock({ realEpochMs: Date.now(), simulatedEpochMs: Date.now(), scale: 1 });
}

/** Hosts and state folders of one test file; `close` in `afterAll`. */
export function hostFactory(): {
  open(worker: AppWorker, hub?: DurableHub, over?: Partial<HostOptions>): Promise<TestHost>;
  close(): Promise<void>;
} {
  const hosts: FunctionsHost[] = [];
  const folders: string[] = [];
  return {
    async open(worker, hub = fakeHub(), over = {}) {
      const stateDir = over.stateDir ?? mkdtempSync(join(tmpdir(), 'host-http-'));
      folders.push(stateDir);
      const lines: LogLine[] = [];
      const options = {
        appDir: '.',
        port: 0,
        clock: realClock(),
        log: (line: LogLine) => void lines.push(line),
        ...over,
        stateDir,
      };
      const host = await openHost(options, { startWorker: async () => worker, startHub: async () => hub });
      hosts.push(host);
      return { ...host, stateDir, lines };
    },
    async close() {
      await Promise.all(hosts.map((host) => host.stop()));
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
}
