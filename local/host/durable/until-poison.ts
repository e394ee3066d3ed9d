import { setImmediate as nextTurn } from 'node:timers/promises';
import { WorkerLost, WorkerStopped } from '../contract';
import type { WorkKind } from './admission';
import type { Engine } from './engine';

export type Outcome<T> =
  { kind: 'done'; value: T } | { kind: 'poison'; deaths: number; reason: string } | { kind: 'stopped' };

interface Attempts<T> {
  kind: WorkKind;
  /** Deaths so far, from the store. */
  deaths: number;
  saveDeaths(deaths: number): Promise<void>;
  run(): Promise<T>;
}

/**
 * Runs work in the worker process, again after each death of that process, until it is done or has been to blame for
 * too many. The count is stored before the next try, so that a restarted host goes on counting. What the function itself
 * throws is passed on.
 */
export async function untilPoison<T>(engine: Engine, attempts: Attempts<T>): Promise<Outcome<T>> {
  let { deaths } = attempts;
  while (!engine.stopped) {
    try {
      return { kind: 'done', value: await engine.admission.run(attempts.kind, deaths > 0, attempts.run) };
    } catch (error) {
      if (error instanceof WorkerStopped) break;
      if (!(error instanceof WorkerLost)) throw error;
      if (error.blame !== 'innocent') await attempts.saveDeaths(++deaths);
      if (deaths >= engine.maxDeaths) return { kind: 'poison', deaths, reason: error.message };
      await nextTurn();
    }
  }
  return { kind: 'stopped' };
}

export function poisonMessage(kind: string, name: string, deaths: number, reason: string): string {
  const times = deaths === 1 ? 'once' : `${deaths} times`;
  return `${kind} function '${name}' was set aside as poison: it ended the worker process ${times}. Last: ${reason}`;
}
