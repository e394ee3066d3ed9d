import { appendFileSync, closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** The parts of a LokiJS database, in which Azurite keeps its tables, that are needed to store it piece by piece. */
export interface LokiDatabase {
  collections: LokiCollection[];
  /** Makes collections note what changes. */
  isIncremental?: boolean;
  autosave: boolean;
  autosaveDisable(): void;
  persistenceAdapter: LokiAdapter | null;
  serialize(): string;
  on(event: 'loaded', run: () => void): void;
}

interface LokiCollection {
  name: string;
  /** Ids of documents that were inserted, changed or removed. */
  dirtyIds: number[];
  get(id: number): object | null;
  ensureAllIndexes(force: boolean): void;
}

interface LokiAdapter {
  loadDatabase(name: string, done: (loaded: object | Error | null) => void): void;
  saveDatabase(name: string, text: string, done: (error?: unknown) => void): void;
}

/** What LokiJS writes of itself. */
interface Dump {
  collections: { name: string; data: { $loki: number }[]; dirtyIds: number[]; maxId: number }[];
}

/** A document as it is now, or without it: removed. */
type Change = [collection: string, id: number, document?: { $loki: number }];

/** Written anew when what has been appended is longer than this and than twice the tables themselves. */
const LEAST_JOURNAL_CHARACTERS = 4 * 1024 * 1024;

/**
 * Stores `db` in `file`: LokiJS's own dump as the first line, and a line for each change since. So a write costs what it
 * changes, and not all the rows there are. Give it the database before it is loaded; it replaces the saving by timer.
 */
export class TableJournal {
  private end: number | undefined;
  private appended = 0;
  private dumped = 0;
  private stored: readonly LokiCollection[] = [];

  constructor(
    private readonly db: LokiDatabase,
    private readonly file: string,
  ) {
    db.autosaveDisable();
    db.autosave = false;
    db.isIncremental = true;
    db.on('loaded', () => db.collections.forEach((collection) => collection.ensureAllIndexes(true)));
    db.persistenceAdapter = {
      loadDatabase: (_, done) => done(load(file)),
      saveDatabase: (_, text, done) => done(this.attempt(() => this.dump(text))),
    };
  }

  /** Stores what has changed. When it returns, `kill -9` loses nothing of it. */
  save(): void {
    const { collections } = this.db;
    const isSameTables =
      collections.length === this.stored.length && collections.every((each, n) => each === this.stored[n]);
    const isLong = this.appended > Math.max(LEAST_JOURNAL_CHARACTERS, 2 * this.dumped);
    if (!isSameTables || isLong || this.end === undefined) return this.dump(this.db.serialize());
    const lines = collections.flatMap(linesOf).join('');
    if (lines === '') return;
    appendFileSync(this.end, lines);
    this.appended += lines.length;
  }

  /** In another file first, so that there is always a whole one. */
  private dump(text: string): void {
    const fresh = `${this.file}~`;
    writeFileSync(fresh, `${text}\n`);
    renameSync(fresh, this.file);
    if (this.end !== undefined) closeSync(this.end);
    this.end = openSync(this.file, 'a');
    this.appended = 0;
    this.dumped = text.length;
    this.stored = [...this.db.collections];
    for (const collection of this.db.collections) collection.dirtyIds = [];
  }

  private attempt(run: () => void): unknown {
    try {
      return void run();
    } catch (error) {
      return error;
    }
  }
}

function linesOf(collection: LokiCollection): string[] {
  const ids = [...new Set(collection.dirtyIds)];
  collection.dirtyIds = [];
  return ids.map((id) => {
    const document = collection.get(id);
    return `${JSON.stringify(document ? [collection.name, id, document] : [collection.name, id])}\n`;
  });
}

/** Null when there is nothing yet. A last line without its end was not finished, so nobody was told that it is stored. */
function load(file: string): Dump | Error | null {
  if (!existsSync(file)) return null;
  try {
    const [first = '', ...lines] = readFileSync(file, 'utf8').split('\n');
    const dump = JSON.parse(first) as Dump;
    const changes = lines.slice(0, -1).map((line) => JSON.parse(line) as Change);
    for (const collection of dump.collections) replay(collection, changes);
    return dump;
  } catch (cause) {
    return new Error(`${file} cannot be read as tables: ${String(cause)}`, { cause });
  }
}

function replay(collection: Dump['collections'][number], changes: Change[]): void {
  const documents = new Map(collection.data.map((document) => [document.$loki, document]));
  for (const [name, id, document] of changes) {
    if (name !== collection.name) continue;
    if (document) documents.set(id, document);
    else documents.delete(id);
    collection.maxId = Math.max(collection.maxId, id);
  }
  Object.assign(collection, { data: [...documents.values()], dirtyIds: [] });
}
