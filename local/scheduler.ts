import type { Clock } from './clock';
import type { Store } from './store';

/**
 * Work that falls due at a simulated time and survives a restart: `schedule` stores it, `start` (after all handlers are
 * registered) arms what is stored. A handler may run again after a crash between its effect and its removal, so handlers
 * must bear a repeat.
 */
export interface Scheduler {
  on<T>(kind: string, handler: (payload: T) => void | Promise<void>): void;
  /** The same `kind` and `id` again replaces the earlier time and payload. */
  schedule(kind: string, id: string, at: number, payload: unknown): void;
  cancel(kind: string, id: string): void;
  start(): void;
  stop(): void;
}

interface Due {
  kind: string;
  at: number;
  payload: unknown;
}

const COLLECTION = 'due';

export function createScheduler(store: Store, clock: Clock, onError: (error: unknown) => void): Scheduler {
  const handlers = new Map<string, (payload: never) => void | Promise<void>>();
  const armed = new Map<string, { cancel(): void }>();
  let started = false;

  const run = async (key: string): Promise<void> => {
    armed.delete(key);
    const due = store.get<Due>(COLLECTION, key);
    if (!due || !started) return;
    try {
      await handlers.get(due.kind)?.(due.payload as never);
    } catch (error) {
      onError(error);
    } finally {
      const latest = store.get<Due>(COLLECTION, key);
      if (latest && latest.at === due.at) store.delete(COLLECTION, key); // else the handler scheduled it anew
    }
  };
  const arm = (key: string, at: number): void => {
    armed.get(key)?.cancel();
    if (started)
      armed.set(
        key,
        clock.at(at, () => void run(key)),
      );
  };
  return {
    on: (kind, handler) => void handlers.set(kind, handler as (payload: never) => void),
    schedule(kind, id, at, payload) {
      const key = `${kind}/${id}`;
      store.put(COLLECTION, key, { kind, at, payload });
      arm(key, at);
    },
    cancel(kind, id) {
      const key = `${kind}/${id}`;
      armed.get(key)?.cancel();
      armed.delete(key);
      store.delete(COLLECTION, key);
    },
    start() {
      started = true;
      for (const [key, due] of store.list<Due>(COLLECTION)) arm(key, due.at);
    },
    stop() {
      started = false;
      for (const timer of armed.values()) timer.cancel();
      armed.clear();
    },
  };
}
