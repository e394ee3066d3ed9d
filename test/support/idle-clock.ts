import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../local/clock';

export interface IdleClock extends Clock {
  /** Time stands still until this has ended. */
  during<T>(work: Promise<T>): Promise<T>;
  stop(): void;
}

/** Turns of the event loop without anything under way, after which nothing is expected to begin by itself. */
const QUIET_TURNS = 5;

/** After so many jumps each goes further than it must, as on a machine that is late: a wait of an hour has hundreds. */
const PATIENT_JUMPS = 150;
const LATE_MS = 5 * 60_000;

/** Jumps to what is due next whenever nothing is under way: hours pass in moments, and a slow machine takes none of them. */
export function idleClock(start: number): IdleClock {
  let current = start;
  let underWay = 0;
  let jumps = 0;
  let isOver = false;
  const due = new Set<{ at: number; run: () => void }>();

  async function isQuiet(): Promise<boolean> {
    for (let turns = 0; turns < QUIET_TURNS; turns++) {
      await turn();
      if (underWay > 0) return false;
    }
    return due.size > 0;
  }
  async function pass(): Promise<void> {
    while (!isOver) {
      if (!(await isQuiet())) {
        await wait(1);
        continue;
      }
      const next = [...due].reduce((first, item) => (item.at < first.at ? item : first));
      due.delete(next);
      if (next.at > current) jumps++;
      current = Math.max(current, next.at + (jumps > PATIENT_JUMPS ? LATE_MS : 0));
      next.run();
    }
  }
  void pass();

  return {
    now: () => current,
    at(at, run) {
      const item = { at, run };
      due.add(item);
      return { cancel: () => void due.delete(item) };
    },
    async during(work) {
      underWay++;
      try {
        return await work;
      } finally {
        underWay--;
      }
    },
    stop: () => void (isOver = true),
  };
}
