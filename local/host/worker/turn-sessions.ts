import type { HistoryEvent, OrchestrationTurn, RecordedAction } from './protocol';

/** What the child remembers of an execution, so that the host sends each event once. */
export interface TurnSession {
  history: HistoryEvent[];
  actions: RecordedAction[];
}

/** Bounds the memory of the cache: about 100 MB at half a KB per event. */
const MOST_EVENTS = 200_000;

export class TurnSessions {
  private readonly sessions = new Map<string, TurnSession>(); // in order of last use
  private events = 0;

  /** The session as of before this turn; undefined if this process does not hold exactly that. */
  open(turn: OrchestrationTurn): TurnSession | undefined {
    const session = turn.full
      ? { history: turn.full.history, actions: turn.full.actions }
      : this.sessions.get(turn.executionId);
    this.forget(turn.executionId);
    return session?.history.length === turn.base ? session : undefined;
  }

  keep(executionId: string, session: TurnSession): void {
    for (const event of session.history) event.IsPlayed = true;
    this.sessions.set(executionId, session);
    this.events += session.history.length;
    for (const oldest of this.sessions.keys()) {
      if (this.events <= MOST_EVENTS) return;
      this.forget(oldest);
    }
  }

  private forget(executionId: string): void {
    this.events -= this.sessions.get(executionId)?.history.length ?? 0;
    this.sessions.delete(executionId);
  }
}
