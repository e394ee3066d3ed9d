import type { AppWorker } from '../../local/host/contract';
import { EVENT, isReplayed } from '../../local/host/durable/history';
import type { HistoryRow } from '../../local/host/durable/records';
import type { HistoryEvent, OrchestrationTurn, RecordedAction, TurnAnswer } from '../../local/host/worker/protocol';

/** An orchestration as it really ran, turn by turn: what arrived, and what the orchestrator then asked for. */
export interface RecordedHistory {
  name: string;
  instanceId: string;
  parentInstanceId: string | null;
  /** JSON text, as for `output`. */
  input: string | null;
  output: string | null;
  turns: RecordedTurn[];
}

export interface RecordedTurn {
  /** Only what durable-functions reads; `Timestamp` is ISO 8601. */
  events: (Omit<HistoryEvent, 'Timestamp'> & { Timestamp: string })[];
  /** `[id, signature]` of the actions that this turn issued. */
  actions: [number, string][];
  /** The id that the first new action of this turn gets: retries take some that the orchestrator never sees. */
  nextId: number;
}

const TAKES_ID = new Set<number>([EVENT.TaskScheduled, EVENT.SubOrchestrationInstanceCreated, EVENT.TimerCreated]);

export function recordTurns(rows: HistoryRow[]): RecordedTurn[] {
  let nextId = 0;
  return rows.map(({ events, actions }) => {
    const turn = {
      events: events.filter(isReplayed).map((event) => ({ ...event, Timestamp: event.Timestamp.toISOString() })),
      actions,
      nextId,
    };
    const ids = events.filter(({ EventType }) => TAKES_ID.has(EventType)).map(({ EventId }) => EventId);
    nextId = Math.max(nextId, ...ids.map((id) => id + 1));
    return turn;
  });
}

export type ReplayedTurn = Extract<TurnAnswer, { kind: 'replayed' }>;

/** Replays the turn from the whole history before it, as after a restart of the host. */
export async function replayTurn(worker: AppWorker, recorded: RecordedHistory, index: number): Promise<ReplayedTurn> {
  const { name: functionName, instanceId, parentInstanceId, input, turns } = recorded;
  const before = turns.slice(0, index);
  const history = before.flatMap(({ events }) => events.map((event) => toEvent(event, true)));
  const actions = before.flatMap(({ actions }, turn): RecordedAction[] =>
    actions.map(([id, signature]) => ({ id, signature, turn })),
  );
  const { events, nextId } = turns[index]!;
  const identity = { functionName, instanceId, executionId: `${instanceId}-${index}`, parentInstanceId, input };
  const turn: OrchestrationTurn = {
    ...identity,
    turn: index,
    base: history.length,
    full: { history, actions },
    events: events.map((event) => toEvent(event, false)),
    nextId,
  };
  const answer = await worker.orchestrate(turn);
  if (answer.kind === 'miss') throw new Error('the whole history was sent, and yet it is missed');
  return answer;
}

const toEvent = (event: RecordedTurn['events'][number], isPlayed: boolean): HistoryEvent =>
  ({ ...event, IsPlayed: isPlayed, Timestamp: new Date(event.Timestamp) }) as HistoryEvent;
