import type { HistoryEvent, RecordedAction } from '../worker/protocol';
import type { HistoryRow } from './records';

/** Numbers of `HistoryEventType` of the Durable Task Framework. */
export const EVENT = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  ContinueAsNew: 16,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

const NAMES = new Map(Object.entries(EVENT).map(([name, type]) => [type as number, name]));
export const eventName = (type: number): string => NAMES.get(type) ?? String(type);

/** The events that durable-functions reads; the others are kept for `showHistory` only. */
const REPLAYED = new Set<number>([
  EVENT.ExecutionStarted,
  EVENT.TaskCompleted,
  EVENT.TaskFailed,
  EVENT.SubOrchestrationInstanceCompleted,
  EVENT.SubOrchestrationInstanceFailed,
  EVENT.TimerFired,
  EVENT.OrchestratorStarted,
  EVENT.EventSent,
  EVENT.EventRaised,
]);
export const isReplayed = (event: HistoryEvent): boolean => REPLAYED.has(event.EventType);

export function historyEvent(at: number, type: number, id: number, fields: Record<string, unknown> = {}): HistoryEvent {
  return { EventType: type, EventId: id, IsPlayed: false, Timestamp: new Date(at), ...fields };
}

/** What a child that does not know the execution needs. */
export function fullHistory(rows: HistoryRow[]): { history: HistoryEvent[]; actions: RecordedAction[] } {
  const history = rows.flatMap((row) => row.events.filter(isReplayed));
  for (const event of history) event.IsPlayed = true;
  const actions = rows.flatMap((row, turn) => row.actions.map(([id, signature]) => ({ id, signature, turn })));
  return { history, actions };
}
