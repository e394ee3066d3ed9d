import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ClockSetting } from './clock';

/**
 * Gives this process simulated time: `Date` and timers, globally, before anything else is loaded. Node's own internals
 * (sockets, AbortSignal.timeout, performance) keep real time, because they bound real things.
 */
export function installSimulatedTime({ realEpochMs, simulatedEpochMs, scale }: ClockSetting): void {
  const RealDate = Date;
  const now = (): number => Math.floor(simulatedEpochMs + (RealDate.now() - realEpochMs) * scale);
  const simulated = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    apply: () => new RealDate(now()).toString(),
    get: (target, property, receiver) =>
      property === 'now' ? now : (Reflect.get(target, property, receiver) as unknown),
  });
  RealDate.prototype.constructor = simulated;
  globalThis.Date = simulated;
  if (scale === 1) return;
  const real = { timeout: globalThis.setTimeout, interval: globalThis.setInterval, sleep: timersPromises.setTimeout };
  const scaled = (ms: number | undefined): number => (ms ?? 0) / scale;
  const setTimeout = ((run: () => void, ms?: number, ...args: []) =>
    real.timeout(run, scaled(ms), ...args)) as typeof globalThis.setTimeout;
  const setInterval = ((run: () => void, ms?: number, ...args: []) =>
    real.interval(run, scaled(ms), ...args)) as typeof globalThis.setInterval;
  const sleep = ((ms?: number, ...rest: []) => real.sleep(scaled(ms), ...rest)) as typeof timersPromises.setTimeout;
  Object.defineProperty(setTimeout, promisify.custom, { value: sleep });
  Object.assign(globalThis, { setTimeout, setInterval });
  Object.assign(timers, { setTimeout, setInterval });
  Object.assign(timersPromises, { setTimeout: sleep });
}
