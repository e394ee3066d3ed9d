import { createHash } from 'node:crypto';
import type { Store } from './store';

/** Long texts that many documents have in common: kept once, and named by their hash. */
export interface SharedTexts {
  /** Returns the name. A repeat is harmless. */
  keep(text: string): string;
  /** What is not the name of a text is given back as it is. */
  find(name: string): string;
}

/** The same `collection` again finds the same texts. They are not forgotten: a scale set has had few. */
export function createSharedTexts(store: Store, collection: string): SharedTexts {
  // Beside the store, which would read tens of KB anew each time.
  const texts = new Map<string, string>();
  const names = new Map<string, string>();
  const remember = (name: string, text: string): string => {
    names.set(text, name);
    texts.set(name, text);
    return text;
  };
  return {
    keep(text) {
      const known = names.get(text);
      if (known !== undefined) return known;
      const name = createHash('sha256').update(text).digest('hex');
      if (store.get(collection, name) === undefined) store.put(collection, name, text);
      remember(name, text);
      return name;
    },
    find(name) {
      const known = texts.get(name);
      if (known !== undefined) return known;
      const stored = store.get<string>(collection, name);
      return stored === undefined ? name : remember(name, stored);
    },
  };
}
