import Database from 'libsql';

/**
 * Documents by collection and id, kept in memory and written behind to SQLite, so that reads are synchronous and
 * `kill -9` loses at most the current turn of the event loop. Documents are JSON: what cannot round-trip is lost.
 */
export interface Store {
  get<T>(collection: string, id: string): T | undefined;
  /** Replaces the document. The value is cloned through JSON, as a wire would do it. */
  put(collection: string, id: string, document: unknown): void;
  /** Deleting what is not there is harmless. */
  delete(collection: string, id: string): void;
  /** Documents whose id starts with `prefix`, ordered by id. */
  list<T>(collection: string, prefix?: string): [id: string, document: T][];
  /** Writes everything that is pending. */
  flush(): void;
  close(): void;
}

type Change = { collection: string; id: string; json: string | null };

export function memoryStore(): Store {
  return keep(
    new Map(),
    () => undefined,
    () => undefined,
    () => undefined,
  );
}

/** One process per file: a second one fails with SQLITE_BUSY while the first lives. */
export function sqliteStore(file: string): Store {
  const db = new Database(file);
  // After Ctrl-C npm's prompt returns a moment before the old process has ended: a start just then waits for it.
  db.exec('PRAGMA busy_timeout=5000;');
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA locking_mode=EXCLUSIVE;');
  db.exec(
    'CREATE TABLE IF NOT EXISTS documents (collection TEXT, id TEXT, json TEXT NOT NULL, PRIMARY KEY (collection, id)) WITHOUT ROWID',
  );
  const collections = new Map<string, Map<string, string>>();
  for (const row of db.prepare('SELECT collection, id, json FROM documents').all() as {
    collection: string;
    id: string;
    json: string;
  }[]) {
    (collections.get(row.collection) ?? collections.set(row.collection, new Map()).get(row.collection)!).set(
      row.id,
      row.json,
    );
  }
  const upsert = db.prepare(
    'INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (collection, id) DO UPDATE SET json = excluded.json',
  );
  const remove = db.prepare('DELETE FROM documents WHERE collection = ? AND id = ?');
  const pending = new Map<string, Change>();
  const flush = (): void => {
    if (pending.size === 0) return;
    db.exec('BEGIN');
    for (const change of pending.values()) {
      if (change.json === null) remove.run(change.collection, change.id);
      else upsert.run(change.collection, change.id, change.json);
    }
    db.exec('COMMIT');
    pending.clear();
  };
  const changed = (change: Change): void => {
    if (pending.size === 0) setImmediate(() => db.open && flush());
    pending.set(`${change.collection}\n${change.id}`, change);
  };
  return keep(collections, changed, flush, () => {
    flush();
    // libsql keeps the file locked while prepared statements live; leaving the exclusive mode lets it go at once.
    db.exec('PRAGMA journal_mode=DELETE; PRAGMA locking_mode=NORMAL; PRAGMA user_version;');
    db.prepare('SELECT count(*) FROM documents').get();
    db.close();
  });
}

function keep(
  collections: Map<string, Map<string, string>>,
  changed: (change: Change) => void,
  flush: () => void,
  close: () => void,
): Store {
  const of = (name: string): Map<string, string> => {
    let found = collections.get(name);
    if (!found) collections.set(name, (found = new Map()));
    return found;
  };
  return {
    get: (collection, id) => {
      const json = of(collection).get(id);
      return json === undefined ? undefined : JSON.parse(json);
    },
    put(collection, id, document) {
      const json = JSON.stringify(document);
      of(collection).set(id, json);
      changed({ collection, id, json });
    },
    delete(collection, id) {
      if (of(collection).delete(id)) changed({ collection, id, json: null });
    },
    list: <T>(collection: string, prefix = '') =>
      [...of(collection)]
        .filter(([id]) => id.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([id, json]): [string, T] => [id, JSON.parse(json)]),
    flush,
    close,
  };
}
