import type { Clock } from '../../clock';

/** What is due later, by key. An alarm never rings before its time on the clock, even where a timer fires a little early. */
export class Alarms {
  private readonly armed = new Map<string, { cancel(): void }>();

  constructor(private readonly clock: Clock) {}

  /** The same key again replaces the earlier alarm. */
  set(key: string, at: number, ring: () => void): void {
    this.cancel(key);
    const onTime = (): void => {
      if (this.clock.now() < at) return this.set(key, at, ring);
      this.armed.delete(key);
      ring();
    };
    this.armed.set(key, this.clock.at(at, onTime));
  }

  cancel(key: string): void {
    this.armed.get(key)?.cancel();
    this.armed.delete(key);
  }

  cancelAll(): void {
    for (const alarm of this.armed.values()) alarm.cancel();
    this.armed.clear();
  }
}
