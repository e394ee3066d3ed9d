import type { Engine } from './engine';
import { EVENT } from './history';
import { customStatusProblem, payloadProblem } from './limits';
import type { Instance, NewMessage, Task } from './records';
import type { Replayed } from './replay';
import type { Session } from './session';
import type { TurnPlan } from './turn-plan';

export interface Turn {
  /** A copy to change; it becomes the session's when the turn is written. */
  instance: Instance;
  plan: TurnPlan;
  /** How many items of the inbox the turn has seen. */
  taken: number;
  answer: Replayed;
}

export interface Conclusion extends Turn {
  /** Timers that the orchestrator has cancelled. */
  cancelled: Task[];
  outcome: 'open' | 'Completed' | 'Failed' | 'ContinuedAsNew';
}

/** Decides how the turn leaves the instance, and brings its record up to that. */
export function concludeTurn(engine: Engine, session: Session, turn: Turn): Conclusion {
  const { instance, plan, answer } = turn;
  const cancelled = cancelledTimers(session, turn);
  const seen = session.inbox.slice(0, turn.taken).filter((item) => item.task).length;
  const openTasks = session.tasks.size - seen - cancelled.length + plan.tasks.length;
  const impossible =
    plan.failure ?? (answer.error?.final ? answer.error.message : undefined) ?? payloadProblems(engine, answer);
  const failure = impossible ?? answer.error?.message;
  const outcome = outcomeOf(answer, openTasks, impossible, failure);

  instance.nextTaskId = Math.max(plan.nextTaskId, answer.nextId);
  instance.updatedAt = plan.now;
  if (answer.customStatus && !impossible) instance.customStatus = answer.customStatus;
  instance.status = outcome === 'Completed' || outcome === 'Failed' ? outcome : 'Running';
  if (outcome === 'Completed') instance.output = answer.output;
  if (outcome === 'Failed')
    instance.output = JSON.stringify(`Orchestrator function '${instance.name}' failed: ${failure}`);
  if (outcome !== 'open') endExecution(instance, plan, outcome);
  plan.issued.push(plan.event(EVENT.OrchestratorCompleted, -1));
  return { ...turn, cancelled, outcome };
}

/**
 * Like the Durable Task Framework, an orchestration whose code has ended, also by an error or to continue as new, stays
 * Running until its open tasks (timers too) have ended; only what makes further replays pointless ends it at once.
 */
function outcomeOf(
  answer: Replayed,
  openTasks: number,
  impossible: string | undefined,
  failure: string | undefined,
): Conclusion['outcome'] {
  if (impossible) return 'Failed';
  if (openTasks > 0) return 'open';
  if (failure) return 'Failed';
  if (answer.continueAsNew) return 'ContinuedAsNew';
  return answer.isDone ? 'Completed' : 'open';
}

function cancelledTimers(session: Session, { answer, taken }: Turn): Task[] {
  const seen = new Set(session.inbox.slice(0, taken).map((item) => item.task?.uid));
  const ids = new Set(answer.cancelledTimers);
  return [...session.tasks.values()].filter(
    (task) => task.kind === 'timer' && !task.retry && ids.has(task.taskId) && !seen.has(task.uid),
  );
}

function payloadProblems(
  engine: Engine,
  { output, customStatus, continueAsNew, actions }: Replayed,
): string | undefined {
  const limit = engine.payloadLimitBytes;
  const inputs = actions.map((action) =>
    'input' in action ? payloadProblem(`The input of ${action.kind} ${action.id}`, action.input, limit) : undefined,
  );
  return (
    payloadProblem('The output', output, limit) ??
    payloadProblem('The input of the next execution', continueAsNew?.input ?? null, limit) ??
    (customStatus ? customStatusProblem(customStatus) : undefined) ??
    inputs.find((problem) => problem !== undefined)
  );
}

/** An execution that ends gives back the locks it holds. */
function endExecution(instance: Instance, plan: TurnPlan, outcome: Conclusion['outcome']): void {
  plan.messages.push(...releasesOf(instance));
  instance.locks = null;
  const fields = { OrchestrationStatus: outcome, Result: instance.output };
  plan.issued.push(plan.event(EVENT.ExecutionCompleted, instance.nextTaskId, fields));
}

export function releasesOf({ id: callerId, locks }: Instance): NewMessage[] {
  if (!locks) return [];
  return locks.entityIds.map((to) => ({ to, body: { kind: 'release', id: locks.requestId, callerId }, dueAt: 0 }));
}
