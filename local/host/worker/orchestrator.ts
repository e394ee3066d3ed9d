import type { LogLine } from '../contract';
import {
  continueAsNewOf,
  flattenActions,
  idsTaken,
  isTimer,
  lockSize,
  ReusedTask,
  signature,
  toNewAction,
  type SdkAction,
} from './actions';
import { invoke } from './invoke';
import type { App } from './load-app';
import type { OrchestrationTurn, RecordedAction, TurnAnswer } from './protocol';
import { TurnSessions } from './turn-sessions';

/** The replay itself cannot be trusted; the orchestration fails at once. */
class BrokenReplay extends Error {}

/** The fields of durable-functions' `context.df` that the host reads after a replay. */
interface DurableContext {
  customStatus?: unknown;
  taskOrchestratorExecutor?: {
    actions: SdkAction[];
    sequenceNumber: number;
    output: unknown;
    exception?: unknown;
    orchestratorReturned: boolean;
    willContinueAsNew: boolean;
  };
}
type Executor = NonNullable<DurableContext['taskOrchestratorExecutor']>;
type Replayed = Extract<TurnAnswer, { kind: 'replayed' }>;

// Longer than any timer, so that the SDK neither splits timers nor polls HTTP by itself: both would consume task ids that nobody sees.
const NEVER_SPLIT = 'P36500D';
const HTTP_POLL_MS = 30_000;

export class OrchestrationRunner {
  private readonly sessions = new TurnSessions();

  constructor(
    private readonly app: App,
    private readonly log: (line: LogLine) => void,
  ) {}

  /** Replays the orchestrator over its whole history and tells which actions are new. */
  async run(turn: OrchestrationTurn): Promise<TurnAnswer> {
    const session = this.sessions.open(turn);
    if (!session) return { kind: 'miss' };
    session.history.push(...turn.events);
    const { df, thrown } = await this.replay(turn, session.history);
    try {
      if (!df?.taskOrchestratorExecutor)
        throw thrown ?? new BrokenReplay('it is no orchestrator of durable-functions 3.');
      const { answer, recorded } = readActions(df.taskOrchestratorExecutor, session.actions, turn);
      if (df.customStatus) answer.customStatus = JSON.stringify(df.customStatus);
      session.actions.push(...recorded);
      if (!answer.isDone && !answer.error) this.sessions.keep(turn.executionId, session);
      return answer;
    } catch (error) {
      return failedAnswer(turn, error as Error);
    }
  }

  private async replay(
    turn: OrchestrationTurn,
    history: unknown[],
  ): Promise<{ df?: DurableContext; thrown?: unknown }> {
    const trigger = {
      input: turn.input === null ? null : (JSON.parse(turn.input) as unknown),
      instanceId: turn.instanceId,
      isReplaying: turn.turn > 0,
      parentInstanceId: turn.parentInstanceId,
      upperSchemaVersion: 1,
      upperSchemaVersionNew: 3,
      longRunningTimerIntervalDuration: NEVER_SPLIT,
      maximumShortTimerDuration: NEVER_SPLIT,
      defaultHttpAsyncRequestSleepTimeMillseconds: HTTP_POLL_MS,
    };
    // Not enumerable: the SDK otherwise walks every field of every event, each turn, looking for timestamps.
    Object.defineProperty(trigger, 'history', { value: history });
    let df: DurableContext | undefined;
    const call = {
      functionName: turn.functionName,
      data: null,
      triggerMetadata: {},
      invocationId: `${turn.executionId}-${turn.turn}`,
      durableClient: null,
    };
    const seen = (context: object): void => void (df = (context as { df?: DurableContext }).df);
    try {
      await invoke(this.app, call, this.log, { trigger, after: seen });
      return { df };
    } catch (thrown) {
      return { df, thrown };
    }
  }
}

function readActions(
  executor: Executor,
  earlier: RecordedAction[],
  turn: OrchestrationTurn,
): { answer: Replayed; recorded: RecordedAction[] } {
  const leaves = flattenActions(executor.actions);
  checkDeterminism(leaves, earlier);
  let nextId = turn.nextId;
  let locked = leaves.slice(0, earlier.length).reduce((size, leaf) => lockSize(leaf) ?? size, 0);
  const actions = leaves.slice(earlier.length).map((leaf) => {
    const action = toNewAction(leaf, nextId);
    locked = lockSize(leaf) ?? locked;
    nextId += idsTaken(leaf, locked);
    return action;
  });
  const recorded = actions.map((action) => ({ id: action.id, signature: action.signature, turn: turn.turn }));
  const ids = [...earlier, ...recorded].map((action) => action.id);
  const cancelledTimers = leaves.flatMap((leaf, index) => (isTimer(leaf) && leaf.isCanceled ? [ids[index]!] : []));
  const continueAsNew = continueAsNewOf(leaves);
  const isDone = executor.orchestratorReturned || continueAsNew !== undefined;
  const failed = executor.exception !== undefined;
  if (!isDone && !failed && executor.sequenceNumber !== nextId) {
    throw new BrokenReplay(
      `the host and durable-functions count tasks differently (${nextId} and ${executor.sequenceNumber}); this is a fault of the host.`,
    );
  }
  const output = failed || executor.output === undefined ? null : (JSON.stringify(executor.output) ?? null);
  const error = failed ? { message: messageOf(executor.exception), final: false } : undefined;
  return {
    answer: {
      kind: 'replayed',
      actions,
      cancelledTimers,
      nextId,
      isDone: isDone && !failed,
      continueAsNew,
      output,
      error,
    },
    recorded,
  };
}

function checkDeterminism(leaves: SdkAction[], earlier: RecordedAction[]): void {
  earlier.forEach((expected, index) => {
    const leaf = leaves[index];
    const got = leaf ? signature(leaf) : 'nothing more';
    if (got === expected.signature) return;
    throw new BrokenReplay(
      `Non-deterministic orchestrator: action ${index + 1}, issued in turn ${expected.turn + 1}, was expected to be ` +
        `${expected.signature} again, but the replay got ${got}. An orchestrator must take the same steps whenever it is ` +
        'replayed: no clock, random number, environment or I/O of its own, and no changed code for instances under way.',
    );
  });
}

function failedAnswer(turn: OrchestrationTurn, error: Error): Replayed {
  const final = error instanceof BrokenReplay || error instanceof ReusedTask;
  return {
    kind: 'replayed',
    actions: [],
    cancelledTimers: [],
    nextId: turn.nextId,
    isDone: false,
    output: null,
    error: { message: error.message, final },
  };
}

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
