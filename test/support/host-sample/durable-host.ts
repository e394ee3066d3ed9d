import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scaledClock, type Clock } from '../../../local/clock';
import type { AppWorker, DurableHub, HubOptions, InstanceStatus, LogLine } from '../../../local/host/contract';
import { startHub } from '../../../local/host/durable/hub';
import { startWorker } from '../../../local/host/worker/supervisor';
import { buildWorkerEntry, SAMPLE_APP } from './build-entry';

export const realClock = (): Clock => scaledClock({ realEpochMs: 0, simulatedEpochMs: 0, scale: 1 });

/** The sample app in a worker of its own, and a hub on a state file of its own. */
export interface DurableHost {
  readonly hub: DurableHub;
  readonly worker: AppWorker;
  readonly folder: string;
  readonly file: string;
  readonly lines: LogLine[];
  /** Starts an orchestration and waits until it has ended. */
  run(name: string, input?: unknown, instanceId?: string): Promise<InstanceStatus>;
  ended(instanceId: string): Promise<InstanceStatus>;
  reopenHub(options?: Partial<HubOptions>): Promise<void>;
  stop(): Promise<void>;
}

export interface HostOptions extends Partial<HubOptions> {
  env?: Record<string, string>;
}

export async function startDurableHost({ env = {}, ...options }: HostOptions = {}): Promise<DurableHost> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-durable-'));
  const lines: LogLine[] = [];
  const log = (line: LogLine): void => void lines.push(line);
  const worker = await startWorker({
    appDir: SAMPLE_APP,
    env: { COUNTER_DIR: folder, ...env },
    nodeArgs: [],
    log,
    entryFile: buildWorkerEntry(),
  });
  const file = join(folder, 'durable.db');
  const open = (more: Partial<HubOptions> = {}): Promise<DurableHub> =>
    startHub({ file, hubName: 'SampleHub', clock: realClock(), worker, log, ...options, ...more });
  const host = {
    hub: await open(),
    worker,
    folder,
    file,
    lines,
    async run(name: string, input?: unknown, instanceId?: string) {
      return host.ended((await host.hub.start({ name, input, instanceId })).instanceId);
    },
    ended: (instanceId: string) => endedInstance(host.hub, instanceId),
    async reopenHub(more?: Partial<HubOptions>) {
      await host.hub.stop();
      host.hub = await open(more);
    },
    async stop() {
      await host.hub.stop();
      await worker.stop(500);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return host;
}

const POLL_MS = 5;

/** Polls until `probe` gives something; the deadline is for a hang, not for slowness. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  what: string,
  timeoutMs = 20_000,
): Promise<NonNullable<T>> {
  for (const end = Date.now() + timeoutMs; ;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const ENDED = ['Completed', 'Failed', 'Terminated'];

export function endedInstance(hub: DurableHub, instanceId: string): Promise<InstanceStatus> {
  return eventually(async () => {
    const status = await hub.status(instanceId);
    return status && ENDED.includes(status.runtimeStatus) ? status : undefined;
  }, `the end of ${instanceId}`);
}
