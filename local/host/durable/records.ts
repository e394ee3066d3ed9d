import type { RuntimeStatus } from '../contract';
import type { HistoryEvent, RetryPolicy } from '../worker/protocol';

/** Payloads are JSON text, times are milliseconds of simulated time. */

export interface Instance {
  id: string;
  name: string;
  version: string | null;
  status: RuntimeStatus;
  input: string | null;
  output: string | null;
  customStatus: string | null;
  createdAt: number;
  updatedAt: number;
  /** Changes with every continue-as-new. */
  executionId: string;
  parentId: string | null;
  /** The parent's task that waits for this instance. */
  parentTask: number | null;
  nextTaskId: number;
  /** Rows of history, one per turn. */
  turns: number;
  /** Events that the SDK replays. */
  replayedEvents: number;
  locks: Locks | null;
  /** How often in a row a turn ended the worker process. */
  deaths: number;
}

export interface Locks {
  requestId: string;
  entityIds: string[];
}

export interface Retry {
  /** What to do again. */
  call: Call;
  policy: RetryPolicy;
  attempt: number;
  /** No attempt begins later. */
  deadline: number;
  /** Set when the remaining attempts are not made: each fails at once with this failure (JSON text). */
  failure?: string;
}

export interface Call {
  kind: 'activity' | 'orchestration';
  name: string;
  input: string | null;
  /** Only of orchestrations. */
  instanceId?: string;
  version?: string;
}

export interface NewTask {
  instanceId: string;
  /** The id that the orchestrator knows it by. */
  taskId: number;
  kind: 'activity' | 'orchestration' | 'timer' | 'http';
  name: string;
  input: string | null;
  dueAt: number;
  retry: Retry | null;
  /** The sub-orchestration's instance. */
  childId: string | null;
  version: string | null;
}

export interface Task extends NewTask {
  uid: number;
  state: 'open' | 'succeeded' | 'failed';
  /** Of a failed task, a `TaskFailure`. */
  result: string | null;
  deaths: number;
}

export interface TaskFailure {
  reason: string;
  details: string;
}

export type MessageBody =
  | { kind: 'start' }
  | { kind: 'event'; name: string; input: string | null }
  | { kind: 'terminate' | 'suspend' | 'resume'; reason: string }
  | {
      kind: 'operation';
      id: string;
      operation: string;
      input: string | null;
      isSignal: boolean;
      callerId: string | null;
    }
  | { kind: 'lock'; id: string; entityIds: string[]; position: number; callerId: string }
  | { kind: 'release'; id: string; callerId: string };

export interface NewMessage {
  /** An orchestration's instance id, or `@name@key` of an entity. */
  to: string;
  body: MessageBody;
  /** 0 for at once. */
  dueAt: number;
}

export interface Message extends NewMessage {
  uid: number;
  deaths: number;
}

export interface Entity {
  id: string;
  state: string | null;
  exists: boolean;
  /** The orchestration that holds the lock. */
  lockedBy: string | null;
}

export interface HistoryRow {
  events: HistoryEvent[];
  /** The actions that this turn issued, as `[id, signature]`. */
  actions: [number, string][];
}

export const ENDED: readonly RuntimeStatus[] = ['Completed', 'Failed', 'Terminated', 'Canceled'];
export const hasEnded = (instance: Instance): boolean => ENDED.includes(instance.status);
