/** The one source of time for everything under `local/`. All times are milliseconds since the Unix epoch, in simulated time. */
export interface Clock {
  now(): number;
  /** Calls `run` once at or after `at`, never synchronously. Cancelling twice, or after it ran, is harmless. */
  at(at: number, run: () => void): { cancel(): void };
}

/** Where simulated time stands against real time. Shared with child processes, so that all of them agree. */
export interface ClockSetting {
  realEpochMs: number;
  simulatedEpochMs: number;
  /** Simulated seconds per real second; 1 is real time. */
  scale: number;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // Node fires longer timeouts at once

export function scaledClock(setting: ClockSetting): Clock {
  const now = (): number => setting.simulatedEpochMs + (Date.now() - setting.realEpochMs) * setting.scale;
  return {
    now: () => Math.floor(now()),
    at(at, run) {
      let handle: NodeJS.Timeout;
      const arm = (): void => {
        const waitMs = Math.max(0, Math.ceil((at - now()) / setting.scale));
        handle = setTimeout(waitMs > MAX_TIMEOUT_MS ? arm : run, Math.min(waitMs, MAX_TIMEOUT_MS));
      };
      arm();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

export interface VirtualClock extends Clock {
  /** Moves time forward, running what falls due in order of time; between two runs pending promises settle. */
  advance(ms: number): Promise<void>;
}

export function virtualClock(start: number): VirtualClock {
  let current = start;
  let sequence = 0;
  const due = new Map<number, { at: number; run: () => void }>();
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const next = (until: number): [number, { at: number; run: () => void }] | undefined =>
    [...due].filter(([, item]) => item.at <= until).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
  return {
    now: () => current,
    at(at, run) {
      const id = sequence++;
      due.set(id, { at, run });
      return { cancel: () => void due.delete(id) };
    },
    async advance(ms) {
      const until = current + ms;
      await settle();
      for (let item = next(until); item; item = next(until)) {
        due.delete(item[0]);
        current = Math.max(current, item[1].at);
        item[1].run();
        await settle();
      }
      current = until;
    },
  };
}
