import type { HistoryEvent } from '../worker/protocol';
import { isControl, type InboxItem } from './inbox';
import type { Instance, Message, Task } from './records';
import type { DurableStore } from './store';

/** An orchestration in memory. Its history is in the store and in the worker process only. */
export interface Session {
  instance: Instance;
  /** The open tasks, and those that have ended but not been seen. */
  tasks: Map<number, Task>;
  inbox: InboxItem[];
  /** Events that are stored but were not yet sent to the worker. */
  unsent: HistoryEvent[];
  busy: boolean;
}

export function loadSession(
  store: DurableStore,
  instance: Instance,
  firedTimers: Set<number>,
  messages: Message[],
): Session {
  const tasks = store.tasksOf(instance.id);
  for (const task of tasks) if (firedTimers.delete(task.uid)) task.state = 'succeeded';
  const ended = tasks.filter((task) => task.state !== 'open');
  const inbox: InboxItem[] = [...ended.map((task) => ({ task })), ...messages.map((message) => ({ message }))];
  return { instance, tasks: new Map(tasks.map((task) => [task.uid, task])), inbox, unsent: [], busy: false };
}

export function isRunnable(session: Session): boolean {
  return session.inbox.length > 0 && (session.instance.status !== 'Suspended' || session.inbox.some(isControl));
}
