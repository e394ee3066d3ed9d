import { randomUUID } from 'node:crypto';
import type { Conclusion } from './conclude-turn';
import type { Engine } from './engine';
import { isReplayed } from './history';
import { createInstance } from './instances';
import type { Instance, Message, NewTask, Task, TaskFailure } from './records';
import type { Session } from './session';

/** What is to be handed out once the turn is on disk. */
interface HandOut {
  messages: Message[];
  tasks: Task[];
  /** Tasks that have ended: of the parent, or attempts that are not made. */
  ended: Task[];
}

/** One transaction for everything the turn consumed and produced; then the new work is handed out. */
export async function writeTurn(engine: Engine, session: Session, turn: Conclusion): Promise<void> {
  const out = await engine.store.commit(() => write(engine, session, turn));
  updateSession(session, turn, out);
  for (const task of turn.cancelled) engine.cancel(task);
  if (turn.outcome === 'Completed' || turn.outcome === 'Failed') engine.counts.endedOrchestrations++;
  const known = new Set(out.ended.map((task) => task.uid)); // their outcome is known already
  for (const task of out.tasks) if (!known.has(task.uid)) engine.dispatch(task);
  for (const message of out.messages) engine.deliver(message);
  for (const task of out.ended) engine.taskEnded(task);
}

function write(engine: Engine, session: Session, turn: Conclusion): HandOut {
  const { store } = engine;
  const { instance, plan, outcome } = turn;
  for (const item of session.inbox.slice(0, turn.taken)) {
    if (item.task) store.dropTask(item.task.uid);
    else store.dropMessage(item.message.uid);
  }
  for (const task of turn.cancelled) store.dropTask(task.uid);
  const out: HandOut = { messages: plan.messages.map((message) => store.addMessage(message)), tasks: [], ended: [] };
  if (outcome === 'ContinuedAsNew') {
    beginAnew(engine, turn, out);
  } else {
    addHistory(engine, turn);
    if (outcome === 'open') for (const task of plan.tasks) addTask(engine, task, out);
    else out.ended.push(...endInstance(engine, instance));
  }
  if (turn.answer.poison)
    store.addPoison({ instanceId: instance.id, functionName: instance.name, ...turn.answer.poison });
  store.saveInstance(instance);
  return out;
}

function addHistory(engine: Engine, { instance, plan, answer }: Conclusion): void {
  const events = [...plan.received, ...plan.issued];
  const actions = answer.actions.map((action): [number, string] => [action.id, action.signature]);
  engine.store.addHistory(instance.id, instance.turns++, { events, actions });
  instance.replayedEvents += events.filter(isReplayed).length;
}

/** Queued events survive; delivered ones that nobody waited for do not, as with the real extension. */
function beginAnew(engine: Engine, { instance, answer }: Conclusion, out: HandOut): void {
  engine.store.clearExecution(instance.id);
  const input = answer.continueAsNew!.input;
  Object.assign(instance, { input, executionId: newExecutionId(), nextTaskId: 0, turns: 0, replayedEvents: 0 });
  out.messages.push(engine.store.addMessage({ to: instance.id, body: { kind: 'start' }, dueAt: 0 }));
}

export const newExecutionId = (): string => randomUUID().replace(/-/g, '');

function addTask(engine: Engine, planned: NewTask, out: HandOut): void {
  const task = engine.store.addTask(planned);
  const failure = task.kind === 'timer' ? undefined : (task.retry?.failure ?? startChild(engine, task, out));
  if (failure !== undefined && engine.store.endTask(task.uid, 'failed', failure)) {
    out.ended.push({ ...task, state: 'failed', result: failure });
  }
  out.tasks.push(task);
}

/** Creates the sub-orchestration; returns its failure when the instance id is taken. */
function startChild(engine: Engine, task: Task, out: HandOut): string | undefined {
  if (task.kind !== 'orchestration') return undefined;
  const { name, version, input, childId, instanceId, uid } = task;
  try {
    out.messages.push(
      createInstance(engine, { id: childId!, name, version, input, parent: { id: instanceId, task: uid }, startAt: 0 }),
    );
    return undefined;
  } catch (error) {
    const reason = (error as Error).message;
    return JSON.stringify({ reason, details: reason } satisfies TaskFailure);
  }
}

/** Drops what is left of an instance that has ended, and tells its parent; returns the parent's task. */
export function endInstance(engine: Engine, instance: Instance): Task[] {
  const { store } = engine;
  store.dropTasksOf(instance.id);
  store.dropMessagesTo(instance.id);
  if (instance.parentTask === null) return [];
  const succeeded = instance.status === 'Completed';
  const reason = String(instance.output === null ? instance.status : JSON.parse(instance.output));
  const result = succeeded ? instance.output : JSON.stringify({ reason, details: reason } satisfies TaskFailure);
  const counts = store.endTask(instance.parentTask, succeeded ? 'succeeded' : 'failed', result);
  return counts ? [store.task(instance.parentTask)!] : [];
}

function updateSession(session: Session, turn: Conclusion, out: HandOut): void {
  const gone = new Set([...session.inbox.slice(0, turn.taken).map((item) => item.task), ...turn.cancelled]);
  session.instance = turn.instance;
  session.inbox = session.inbox.slice(turn.taken).filter((item) => !item.task || !gone.has(item.task));
  for (const task of gone) if (task) session.tasks.delete(task.uid);
  for (const task of out.tasks) session.tasks.set(task.uid, { ...task });
  session.unsent = turn.outcome === 'ContinuedAsNew' ? [] : turn.plan.issued.filter(isReplayed);
  if (turn.outcome === 'Completed' || turn.outcome === 'Failed')
    Object.assign(session, { inbox: [], tasks: new Map() });
}
