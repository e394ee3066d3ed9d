import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClockSetting } from './clock';
import { sqliteStore, type Store } from './store';

/** The state folder is another Starling's, or has machines of another kind; the message says what to do. */
export class StateInUse extends Error {}

const DATABASE = ['azure.sqlite', 'azure.sqlite-wal', 'azure.sqlite-shm'];

/** Opens the folder's store. Only one process at a time has it. */
export function openState(stateDir: string, reset: boolean): Store {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const file = join(stateDir, 'azure.sqlite');
  try {
    if (reset && existsSync(file)) sqliteStore(file).close(); // fails while another process has it
    if (reset)
      for (const name of [...DATABASE, 'tables.json', 'host', 'nodes', 'local.json'])
        rmSync(join(stateDir, name), { recursive: true, force: true });
    return sqliteStore(file);
  } catch (cause) {
    if (!/SQLITE_BUSY|database is locked/i.test(String(cause))) throw cause;
    throw new StateInUse(
      `${stateDir} is in use by another Starling. Stop it, or choose another folder with STARLING_STATE_DIR.`,
      { cause },
    );
  }
}

/** Machines of a state stay what they are: a simulated one has no disk that a real one could boot from. */
export function checkMachines(store: Store, kind: 'simulated' | 'real'): void {
  const before = store.get<string>('machines-kind', 'kind') ?? kind;
  if (before !== kind)
    throw new StateInUse(
      `The state has ${before} machines: ${before === 'real' ? 'add --real-nodes' : 'leave out --real-nodes'}, or forget it with --reset.`,
    );
  store.put('machines-kind', 'kind', kind);
}

/** Simulated time goes on where it stood; another scale starts from there. While nothing runs, time goes on in real seconds. */
export function clockSetting(store: Store, scale: number): ClockSetting {
  const realNow = Date.now();
  const last = store.get<ClockSetting & { realStoppedMs?: number }>('clock', 'setting');
  const stoppedAt = store.get<{ simulatedMs: number; realMs: number }>('clock', 'latest');
  const simulatedEpochMs = stoppedAt
    ? Math.max(realNow, stoppedAt.simulatedMs + (realNow - stoppedAt.realMs))
    : (last?.simulatedEpochMs ?? realNow);
  const setting = { realEpochMs: realNow, simulatedEpochMs, scale };
  store.put('clock', 'setting', setting);
  return setting;
}

/** Written twice a second, so that time does not run backwards after `kill -9` by more than that. */
export function rememberTime(store: Store, now: () => number): { stop(): void } {
  const note = (): void => store.put('clock', 'latest', { simulatedMs: now(), realMs: Date.now() });
  note();
  const timer = setInterval(note, 500);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      note();
    },
  };
}

/** A secret of this folder, made once. */
export function secretOf(store: Store, name: string, bytes: number): string {
  const known = store.get<string>('secrets', name);
  if (known) return known;
  const secret = randomBytes(bytes).toString('base64');
  store.put('secrets', name, secret);
  return secret;
}

/** Where to find the running Starling, and its function key: for the owner's eyes only. */
export interface LocalAddresses {
  appUrl: string;
  azureUrl: string;
  /** Metadata services of all VMs: `{imdsUrl}/{vmId}/metadata/…`. */
  imdsUrl: string;
  key: string;
}

/** What programs need to find the running Starling. */
export function writeLocalJson(stateDir: string, content: LocalAddresses): void {
  writeFileSync(join(stateDir, 'local.json'), `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}
