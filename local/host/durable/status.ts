import type { InstanceStatus } from '../contract';
import type { HistoryEvent } from '../worker/protocol';
import { EVENT, eventName } from './history';
import type { HistoryRow, Instance } from './records';

const parsed = (json: string | null): unknown => (json === null ? null : (JSON.parse(json) as unknown));

export function statusOf(instance: Instance, showInput = true): InstanceStatus {
  const { name, id: instanceId, status: runtimeStatus } = instance;
  return {
    name,
    instanceId,
    runtimeStatus,
    input: showInput ? parsed(instance.input) : null,
    output: parsed(instance.output),
    customStatus: parsed(instance.customStatus),
    createdTime: new Date(instance.createdAt).toISOString(),
    lastUpdatedTime: new Date(instance.updatedAt).toISOString(),
  };
}

const HIDDEN = new Set<number>([
  EVENT.OrchestratorStarted,
  EVENT.OrchestratorCompleted,
  EVENT.TaskScheduled,
  EVENT.SubOrchestrationInstanceCreated,
  EVENT.TimerCreated,
]);

/**
 * The history as `showHistory=true` gives it: completions carry the name and time of what they complete, and what only
 * says that something was scheduled is left out. Inputs and results appear with `showHistoryOutput=true` only.
 */
export function historyEvents(rows: HistoryRow[], showOutput: boolean): unknown[] {
  const events = rows.flatMap((row) => row.events);
  const scheduled = new Map(
    events.filter((event) => HIDDEN.has(event.EventType)).map((event) => [event.EventId, event]),
  );
  return events
    .filter((event) => !HIDDEN.has(event.EventType))
    .map((event) => describeEvent(event, scheduled, showOutput));
}

function describeEvent(event: HistoryEvent, scheduled: Map<number, HistoryEvent>, showOutput: boolean): unknown {
  const { EventType, EventId: _id, IsPlayed: _played, TaskScheduledId, Timestamp, Input, Result, ...fields } = event;
  const cause = typeof TaskScheduledId === 'number' ? scheduled.get(TaskScheduledId) : undefined;
  const shown: Record<string, unknown> = {
    EventType: eventName(EventType),
    Timestamp: Timestamp.toISOString(),
    ...fields,
  };
  if (cause) Object.assign(shown, { FunctionName: cause.Name, ScheduledTime: cause.Timestamp.toISOString() });
  if (EventType === EVENT.ExecutionStarted) Object.assign(shown, { FunctionName: event.Name });
  if (showOutput && typeof Input === 'string') shown.Input = parsed(Input);
  if (showOutput && typeof Result === 'string') shown.Result = parsed(Result);
  return shown;
}
