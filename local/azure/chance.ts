import { createHash } from 'node:crypto';
import type { Span } from './settings';

/** Seeded randomness without state: the same seed and key give the same answer, also after a restart. */
export interface Chance {
  /** In [0, 1). */
  unit(key: string): number;
  within(span: Span, key: string): number;
  guid(key: string): string;
}

export function createChance(seed: number): Chance {
  const digest = (key: string): Buffer => createHash('sha256').update(`${seed}/${key}`).digest();
  const unit = (key: string): number => digest(key).readUIntBE(0, 6) / 2 ** 48;
  return {
    unit,
    within: ([minMs, maxMs], key) => Math.round(minMs + (maxMs - minMs) * unit(key)),
    guid(key) {
      const hex = digest(`guid/${key}`).toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    },
  };
}
