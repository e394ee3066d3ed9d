import Database from 'libsql';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT, status TEXT NOT NULL, input TEXT, output TEXT, customStatus TEXT,
    createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL, executionId TEXT NOT NULL, parentId TEXT, parentTask INTEGER,
    nextTaskId INTEGER NOT NULL, turns INTEGER NOT NULL, replayedEvents INTEGER NOT NULL, locks TEXT, deaths INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS history (
    instanceId TEXT, turn INTEGER, events TEXT NOT NULL, actions TEXT NOT NULL, PRIMARY KEY (instanceId, turn)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS tasks (
    uid INTEGER PRIMARY KEY AUTOINCREMENT, instanceId TEXT NOT NULL, taskId INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    input TEXT, dueAt INTEGER NOT NULL, retry TEXT, childId TEXT, version TEXT, state TEXT NOT NULL, result TEXT, deaths INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS tasksOfInstance ON tasks (instanceId);
  CREATE TABLE IF NOT EXISTS messages (
    uid INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, body TEXT NOT NULL, dueAt INTEGER NOT NULL, deaths INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS messagesOfRecipient ON messages (recipient);
  CREATE TABLE IF NOT EXISTS entities (id TEXT PRIMARY KEY, state TEXT, present INTEGER NOT NULL, lockedBy TEXT) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS poison (
    uid INTEGER PRIMARY KEY AUTOINCREMENT, instanceId TEXT NOT NULL, functionName TEXT NOT NULL, deaths INTEGER NOT NULL, reason TEXT NOT NULL
  );`;

const VERSION = 1;
const BUSY_WAIT_MS = 300; // For a host that was killed a moment ago; its lock goes with its process.

/**
 * Opens the state and holds it for this process alone (the lock ends with the process, however it ends).
 * `synchronous=NORMAL` with a write-ahead log survives `kill -9` at any moment; only a power cut may lose the last turns.
 */
export function openDatabase(file: string): Database.Database {
  const db = new Database(file);
  try {
    db.exec(
      `PRAGMA busy_timeout=${BUSY_WAIT_MS}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;`,
    );
    db.exec('BEGIN EXCLUSIVE'); // with this locking mode it is kept after the commit
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version !== 0 && version !== VERSION)
      throw new Error(`${file} was written by another version of this host (state version ${version}).`);
    db.exec(`${SCHEMA} PRAGMA user_version=${VERSION}; COMMIT;`);
    return db;
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new Error(`The state file ${file} is in use by another host. Stop that one, or choose another state folder.`);
  }
}

/**
 * Closes the state. libsql keeps a closed database open as long as a prepared statement has not been collected, and with
 * it the lock; so the lock is given up first. It can be only after the write-ahead log has been left.
 */
export function releaseDatabase(db: Database.Database): void {
  db.exec('PRAGMA journal_mode=DELETE; PRAGMA locking_mode=NORMAL; PRAGMA user_version;');
  db.prepare('SELECT count(*) FROM instances').get();
  db.close();
}
