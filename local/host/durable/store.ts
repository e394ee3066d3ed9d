import type Database from 'libsql';
import type { InstanceFilter, PoisonedWork } from '../contract';
import type { Entity, HistoryRow, Instance, Message, NewMessage, NewTask, Task } from './records';
import { openDatabase, releaseDatabase } from './schema';
import { instanceQuery } from './instance-query';

type Row = Record<string, unknown>;
type Value = string | number | null;

/**
 * The durable state, in one SQLite file. Reads and writes are synchronous; `commit` runs its function at once and
 * resolves when its writes are on disk. All writes of one turn of the event loop share a transaction, so nothing may be
 * answered or dispatched before `commit` resolves, and a function given to it must check before it writes.
 */
export class DurableStore {
  private readonly db: Database.Database;
  private readonly statements = new Map<string, Database.Statement>();
  private waiters: { resolve(): void; reject(error: unknown): void }[] | undefined;

  constructor(file: string) {
    this.db = openDatabase(file);
  }

  commit<T>(write: () => T): Promise<T> {
    if (!this.waiters) {
      this.sql('BEGIN').run();
      this.waiters = [];
      setImmediate(() => this.flush());
    }
    const { waiters } = this;
    return new Promise((resolve, reject) => {
      const value = write(); // what it throws becomes a rejection
      waiters.push({ resolve: () => resolve(value), reject });
    });
  }

  flush(): void {
    const waiters = this.waiters;
    if (!waiters) return;
    this.waiters = undefined;
    try {
      this.sql('COMMIT').run();
    } catch (error) {
      return waiters.forEach((waiter) => waiter.reject(error));
    }
    for (const waiter of waiters) waiter.resolve();
  }

  close(): void {
    this.flush();
    releaseDatabase(this.db);
  }

  instance(id: string): Instance | undefined {
    const row = this.sql('SELECT * FROM instances WHERE id = ?').get(id) as Row | undefined;
    return row && toInstance(row);
  }

  /** At most `filter.top` (100 unless told), ordered by id, after the id `after`. */
  instances(filter: InstanceFilter, after: string): Instance[] {
    const { sql, values } = instanceQuery(filter, after);
    return (this.sql(sql).all(...values) as Row[]).map(toInstance);
  }

  saveInstance(instance: Instance): void {
    this.insert('INSERT OR REPLACE INTO instances', {
      ...instance,
      locks: instance.locks && JSON.stringify(instance.locks),
    });
  }

  history(instanceId: string): HistoryRow[] {
    const rows = this.sql('SELECT events, actions FROM history WHERE instanceId = ? ORDER BY turn').all(
      instanceId,
    ) as Row[];
    return rows.map(({ events, actions }) => {
      const row = { events: JSON.parse(events as string), actions: JSON.parse(actions as string) } as HistoryRow;
      for (const event of row.events) event.Timestamp = new Date(event.Timestamp);
      return row;
    });
  }

  addHistory(instanceId: string, turn: number, { events, actions }: HistoryRow): void {
    this.sql('INSERT INTO history VALUES (?, ?, ?, ?)').run(
      instanceId,
      turn,
      JSON.stringify(events),
      JSON.stringify(actions),
    );
  }

  /** Forgets history and tasks; what is still queued for the instance stays. */
  clearExecution(instanceId: string): void {
    this.sql('DELETE FROM history WHERE instanceId = ?').run(instanceId);
    this.dropTasksOf(instanceId);
  }

  removeInstance(instanceId: string): void {
    this.clearExecution(instanceId);
    this.dropMessagesTo(instanceId);
    this.sql('DELETE FROM poison WHERE instanceId = ?').run(instanceId);
    this.sql('DELETE FROM instances WHERE id = ?').run(instanceId);
  }

  addTask(task: NewTask): Task {
    const added = { ...task, state: 'open' as const, result: null, deaths: 0 };
    const uid = this.insert('INSERT INTO tasks', { ...added, retry: task.retry && JSON.stringify(task.retry) });
    return { ...added, uid };
  }

  /** False when the task is gone or has ended already: then the result counts for nothing. */
  endTask(uid: number, state: 'succeeded' | 'failed', result: string | null): boolean {
    const ended = this.sql("UPDATE tasks SET state = ?, result = ? WHERE uid = ? AND state = 'open'").run(
      state,
      result,
      uid,
    );
    return ended.changes > 0;
  }

  /** An HTTP call that goes on at another address at another time. */
  moveTask(task: Task): void {
    this.sql('UPDATE tasks SET input = ?, dueAt = ? WHERE uid = ?').run(task.input, task.dueAt, task.uid);
  }

  /** Writes down another death, and that no further attempt is made where `retry` says so. */
  saveDeaths(task: Task): void {
    this.sql('UPDATE tasks SET deaths = ?, retry = ? WHERE uid = ?').run(
      task.deaths,
      task.retry && JSON.stringify(task.retry),
      task.uid,
    );
  }

  dropTask(uid: number): void {
    this.sql('DELETE FROM tasks WHERE uid = ?').run(uid);
  }

  dropTasksOf(instanceId: string): void {
    this.sql('DELETE FROM tasks WHERE instanceId = ?').run(instanceId);
  }

  task(uid: number): Task | undefined {
    const row = this.sql('SELECT * FROM tasks WHERE uid = ?').get(uid) as Row | undefined;
    return row && toTask(row);
  }

  tasksOf(instanceId: string): Task[] {
    return (this.sql('SELECT * FROM tasks WHERE instanceId = ? ORDER BY uid').all(instanceId) as Row[]).map(toTask);
  }

  allTasks(): Task[] {
    return (this.sql('SELECT * FROM tasks ORDER BY uid').all() as Row[]).map(toTask);
  }

  addMessage(message: NewMessage): Message {
    const { to: recipient, body, dueAt } = message;
    return {
      ...message,
      uid: this.insert('INSERT INTO messages', { recipient, body: JSON.stringify(body), dueAt, deaths: 0 }),
      deaths: 0,
    };
  }

  hasMessage(uid: number): boolean {
    return this.sql('SELECT 1 FROM messages WHERE uid = ?').get(uid) !== undefined;
  }

  saveMessageDeaths(message: Message): void {
    this.sql('UPDATE messages SET deaths = ? WHERE uid = ?').run(message.deaths, message.uid);
  }

  dropMessage(uid: number): void {
    this.sql('DELETE FROM messages WHERE uid = ?').run(uid);
  }

  dropMessagesTo(recipient: string): void {
    this.sql('DELETE FROM messages WHERE recipient = ?').run(recipient);
  }

  allMessages(): Message[] {
    const rows = this.sql('SELECT * FROM messages ORDER BY uid').all() as Row[];
    return rows.map(
      ({ uid, recipient, body, dueAt, deaths }) =>
        ({ uid, to: recipient, body: JSON.parse(body as string), dueAt, deaths }) as Message,
    );
  }

  entity(id: string): Entity {
    const row = this.sql('SELECT * FROM entities WHERE id = ?').get(id) as Row | undefined;
    if (!row) return { id, state: null, exists: false, lockedBy: null };
    return {
      id,
      state: row.state as string | null,
      exists: row.present === 1,
      lockedBy: row.lockedBy as string | null,
    };
  }

  saveEntity({ id, state, exists, lockedBy }: Entity): void {
    this.insert('INSERT OR REPLACE INTO entities', { id, state, present: exists ? 1 : 0, lockedBy });
  }

  addPoison({ instanceId, functionName, deaths, reason }: PoisonedWork): void {
    this.insert('INSERT INTO poison', { instanceId, functionName, deaths, reason });
  }

  poison(): PoisonedWork[] {
    const rows = this.sql(
      'SELECT instanceId, functionName, deaths, reason FROM poison ORDER BY uid',
    ).all() as PoisonedWork[];
    return rows.map(({ instanceId, functionName, deaths, reason }) => ({ instanceId, functionName, deaths, reason }));
  }

  private insert(into: string, values: Record<string, Value>): number {
    const columns = Object.keys(values);
    const marks = columns.map(() => '?').join();
    return Number(
      this.sql(`${into} (${columns.join()}) VALUES (${marks})`).run(...Object.values(values)).lastInsertRowid,
    );
  }

  private sql(text: string): Database.Statement {
    let statement = this.statements.get(text);
    if (!statement) this.statements.set(text, (statement = this.db.prepare(text)));
    return statement;
  }
}

function toInstance(row: Row): Instance {
  delete row._metadata; // libsql adds it to what `get` returns
  return { ...row, locks: row.locks ? (JSON.parse(row.locks as string) as unknown) : null } as Instance;
}

function toTask(row: Row): Task {
  delete row._metadata;
  return { ...row, retry: row.retry ? (JSON.parse(row.retry as string) as unknown) : null } as Task;
}
