import type { Handler } from '../azure/http';
import type { Store } from '../store';
import type { BootFailure } from './machine-state';

/** Agents that are to fail at their next boot. */
export interface BootFailures {
  /** What goes wrong in the boot of an agent that begins now; each call uses one up. */
  next(): { kind: BootFailure; delayMs: number } | undefined;
  /** `POST /_local/boot-failures {count, kind: "never-boots"|"never-joins"|"slow", delayMs?}`; a count of 0 ends them. */
  control: Handler;
}

interface Planned {
  count: number;
  kind: BootFailure;
  delayMs: number;
}

const KINDS: readonly string[] = ['never-boots', 'never-joins', 'slow'];
const DEFAULT_DELAY_MS = 120_000; // clearly slower than any ordinary boot

export function createBootFailures(store: Store): BootFailures {
  return {
    next() {
      const planned = store.get<Planned>('boot-failures', 'next');
      if (!planned || planned.count < 1) return undefined;
      store.put('boot-failures', 'next', { ...planned, count: planned.count - 1 });
      return planned;
    },
    control({ method, body }) {
      if (method !== 'POST') return { status: 405, body: { error: 'only POST' } };
      const planned = parse(body);
      if (!planned)
        return { status: 400, body: { error: `count (from 0) and kind (${KINDS.join(', ')}) are required` } };
      store.put('boot-failures', 'next', planned);
      return { status: 200, body: planned };
    },
  };
}

function parse(body: string): Planned | undefined {
  try {
    const { count, kind, delayMs = DEFAULT_DELAY_MS } = JSON.parse(body) as Record<string, unknown>;
    const isValid = Number.isInteger(count) && Number(count) >= 0 && KINDS.includes(String(kind));
    return isValid && Number(delayMs) >= 0
      ? { count: Number(count), kind: kind as BootFailure, delayMs: Number(delayMs) }
      : undefined;
  } catch {
    return undefined;
  }
}
