import { EVENT } from './history';
import type { Instance, Message, Task, TaskFailure } from './records';
import { isInternal, mayTryAgain, nextAttempt, timerAfterFailure } from './retry';
import type { TurnPlan } from './turn-plan';

/** Something that an orchestration has not seen yet. */
export type InboxItem = { message: Message; task?: undefined } | { task: Task; message?: undefined };

export function isControl(item: InboxItem): boolean {
  const kind = item.message?.body.kind;
  return kind === 'terminate' || kind === 'suspend' || kind === 'resume';
}

/** After a continue-as-new, events that were queued may stand before the start; the start always comes first. */
export function startFirst(inbox: InboxItem[]): void {
  const start = inbox.findIndex((item) => item.message?.body.kind === 'start');
  if (start > 0) inbox.unshift(...inbox.splice(start, 1));
}

/** Turns what has arrived into history events, as much of it as one turn may hold; returns how many items that were. */
export function receiveItems(inbox: readonly InboxItem[], instance: Instance, plan: TurnPlan): number {
  let userCodeMayRun = false;
  let taken = 0;
  for (const item of inbox) {
    const internal = item.task !== undefined && isInternal(item.task);
    if (internal && userCodeMayRun) break;
    userCodeMayRun ||= !internal;
    if (item.task) receiveTask(item.task, plan);
    else receiveMessage(item.message, instance, plan);
    taken++;
  }
  return taken;
}

function receiveMessage({ body }: Message, instance: Instance, plan: TurnPlan): void {
  if (body.kind === 'start') {
    const { name, input, version } = instance;
    plan.receive(EVENT.ExecutionStarted, {
      Name: name,
      Version: version ?? '',
      Input: input,
      ParentInstance: null,
      Tags: null,
    });
  } else if (body.kind === 'event') {
    plan.receive(EVENT.EventRaised, { Name: body.name, Input: body.input });
  }
}

function receiveTask(task: Task, plan: TurnPlan): void {
  if (task.kind === 'timer') return receiveTimer(task, plan);
  const isActivity = task.kind !== 'orchestration';
  if (task.state === 'succeeded') {
    const type = isActivity ? EVENT.TaskCompleted : EVENT.SubOrchestrationInstanceCompleted;
    return plan.receive(type, { TaskScheduledId: task.taskId, Result: task.result });
  }
  const { reason, details } = JSON.parse(task.result ?? '{}') as TaskFailure;
  const type = isActivity ? EVENT.TaskFailed : EVENT.SubOrchestrationInstanceFailed;
  plan.receive(type, { TaskScheduledId: task.taskId, Reason: reason, Details: details, FailureDetails: null });
  if (task.retry) {
    const { dueAt, retry } = timerAfterFailure(task.retry, task.result!, plan.now);
    plan.timer(plan.nextTaskId++, dueAt, { retry });
  }
}

function receiveTimer(task: Task, plan: TurnPlan): void {
  plan.receive(EVENT.TimerFired, { TimerId: task.taskId, FireAt: new Date(task.dueAt).toISOString() });
  if (task.retry && mayTryAgain(task.retry)) plan.call(plan.nextTaskId++, task.retry.call, nextAttempt(task.retry));
}
