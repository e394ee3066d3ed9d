import { SECRET_AGE_MS } from '../model/names';
import type { Clock, Vault } from '../ports';

/** While a cluster boots every node asks for what is not there yet: the vault is asked once in a while only. */
const ABSENT_AGE_MS = 5_000;
/** A handful of secrets per cluster; more clusters than this cost more reads, nothing else. */
const MAX_ENTRIES = 500;

interface Entry {
  value: Promise<string | undefined>;
  until: number;
}

/**
 * A vault whose reads are remembered by this process for the ages above, so that joins and looks of one cluster share a
 * read; its own writes are seen at once.
 */
export function cacheVault(vault: Vault, clock: Clock): Vault {
  const entries = new Map<string, Entry>();
  const read = (name: string): Promise<string | undefined> => {
    const value = vault.get(name);
    const entry = { value, until: clock.now() + ABSENT_AGE_MS };
    if (entries.size >= MAX_ENTRIES) entries.clear();
    entries.set(name, entry);
    value.then(
      (found) => (entry.until = clock.now() + (found === undefined ? ABSENT_AGE_MS : SECRET_AGE_MS)),
      () => entries.delete(name), // the caller sees the failure; the next one asks again
    );
    return value;
  };
  return {
    get(name) {
      const entry = entries.get(name);
      return entry && clock.now() < entry.until ? entry.value : read(name);
    },
    async set(name, value) {
      entries.delete(name);
      await vault.set(name, value);
      entries.delete(name);
    },
    async remove(name) {
      entries.delete(name);
      await vault.remove(name);
      entries.delete(name);
    },
  };
}
