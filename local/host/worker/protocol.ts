/**
 * What the host and the child process say to each other. It travels over Node's IPC with `serialization: 'advanced'`
 * (structured clone), so Dates and bytes keep their type; user payloads are JSON text and are parsed in the child only.
 */
import type { FunctionMetadata, LogLine } from '../contract';

/** One event of an orchestration's history, in the spelling that durable-functions reads. */
export interface HistoryEvent {
  EventType: number;
  EventId: number;
  IsPlayed: boolean;
  Timestamp: Date;
  [field: string]: unknown;
}

/** An action that an earlier turn of this execution issued: what determinism is checked against. */
export interface RecordedAction {
  id: number;
  signature: string;
  turn: number;
}

export interface OrchestrationTurn {
  functionName: string;
  instanceId: string;
  /** A continue-as-new begins another execution. */
  executionId: string;
  parentInstanceId: string | null;
  /** JSON text. */
  input: string | null;
  turn: number;
  /** How many events the child must hold already for `events` to follow; otherwise it answers `miss`. */
  base: number;
  /** The earlier events and actions, sent only after a `miss`. */
  full?: { history: HistoryEvent[]; actions: RecordedAction[] };
  /** Events since `base`: leftovers of the last turn (`IsPlayed`), then those of this one. */
  events: HistoryEvent[];
  /** The id that the next new action gets; retries have consumed some that the child cannot see. */
  nextId: number;
}

export interface RetryPolicy {
  maxAttempts: number;
  firstIntervalMs: number;
  backoffCoefficient: number;
  maxIntervalMs: number;
  /** From the first attempt. */
  timeoutMs: number;
}

/** Payloads (`input`, `request`) are JSON text. Those that take no id (`wait`, `continueAsNew`) repeat the next one. */
export type NewAction = { id: number; signature: string } & (
  | { kind: 'activity'; name: string; input: string | null; retry?: RetryPolicy }
  | {
      kind: 'orchestration';
      name: string;
      input: string | null;
      instanceId?: string;
      version?: string;
      retry?: RetryPolicy;
    }
  | { kind: 'timer'; fireAt: number; cancelled: boolean }
  | { kind: 'http'; request: string }
  | { kind: 'callEntity'; entityId: string; operation: string; input: string | null }
  | { kind: 'signalEntity'; entityId: string; operation: string; input: string | null; dueAt: number }
  | { kind: 'lock'; entityIds: string[]; lockRequestId: string }
  | { kind: 'release' }
  | { kind: 'wait'; name: string }
  | { kind: 'continueAsNew' }
);

export type TurnAnswer =
  | { kind: 'miss' }
  | {
      kind: 'replayed';
      actions: NewAction[];
      /** Ids of timers that the orchestrator has cancelled by now. */
      cancelledTimers: number[];
      nextId: number;
      isDone: boolean;
      /** The orchestrator asked to begin anew, in this turn or an earlier one. */
      continueAsNew?: { input: string | null };
      output: string | null;
      /** `final` where the replay itself is not to be trusted: nothing that is still open can mend that. */
      error?: { message: string; final: boolean };
      customStatus?: string;
    };

export interface EntityBatch {
  functionName: string;
  self: { name: string; key: string };
  exists: boolean;
  state: string | null;
  batch: { name: string; input: string | null; isSignal: boolean }[];
}

export interface EntityAnswer {
  exists: boolean;
  state: string | null;
  /** One per operation, in order; `result` is JSON text. */
  results: { isError: boolean; result: string | null }[];
  signals: { entityId: string; operation: string; input: string | null }[];
}

export interface FunctionCall {
  functionName: string;
  data: unknown;
  triggerMetadata: Record<string, unknown>;
  invocationId: string;
  durableClient: string | null;
}

export type Work =
  | { kind: 'function'; call: FunctionCall }
  | { kind: 'turn'; turn: OrchestrationTurn }
  | { kind: 'entity'; batch: EntityBatch };

export type ToChild = { type: 'work'; id: number; work: Work } | { type: 'ping' } | { type: 'stop' };

export interface RemoteError {
  name: string;
  message: string;
  stack?: string;
}

export interface LoadedApp {
  functions: FunctionMetadata[];
  hostJson: Record<string, unknown>;
  settings: Record<string, string>;
  httpStreamUrl?: string;
}

export type FromChild =
  | { type: 'loaded'; app: LoadedApp }
  | { type: 'notLoaded'; error: RemoteError }
  | { type: 'done'; id: number; value: unknown }
  | { type: 'failed'; id: number; error: RemoteError }
  | { type: 'pong' }
  | { type: 'log'; line: LogLine };

/** The child writes it synchronously on this file descriptor when it is about to die, since IPC may not be flushed then. */
export interface LastWords {
  guilty: number | null;
  reason: string;
}
export const LAST_WORDS_FD = 4;
