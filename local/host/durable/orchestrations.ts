import type { Engine } from './engine';
import { unknownFunction } from './functions';
import { isControl, receiveItems, startFirst } from './inbox';
import { controlInstance } from './control';
import { applyActions } from './apply-actions';
import { hasEnded, type Message, type Task } from './records';
import { replay } from './replay';
import { isRunnable, loadSession, type Session } from './session';
import { concludeTurn } from './conclude-turn';
import { writeTurn } from './write-turn';
import { TurnPlan } from './turn-plan';

const MOST_SESSIONS = 2_000; // Some KB each; any other is loaded again when something arrives for it.

/** Orchestrations: gathers what arrives for each and takes it through one turn after the other. */
export class Orchestrations {
  private readonly sessions = new Map<string, Session>(); // in order of last use
  private readonly waiting = new Map<string, Message[]>(); // for instances that are not in memory
  private readonly fired = new Set<number>(); // timers of instances that are not in memory

  constructor(private readonly engine: Engine) {}

  receive(message: Message): void {
    const session = this.sessions.get(message.to);
    if (session) session.inbox.push({ message });
    else this.waiting.set(message.to, [...(this.waiting.get(message.to) ?? []), message]);
    this.wake(message.to);
  }

  taskEnded(task: Task): void {
    const session = this.sessions.get(task.instanceId);
    const known = session?.tasks.get(task.uid);
    if (known?.state === 'open') session!.inbox.push({ task: Object.assign(known, task) });
    else if (!session && task.kind === 'timer') this.fired.add(task.uid);
    this.wake(task.instanceId);
  }

  wake(instanceId: string): void {
    this.engine.ready(instanceId, () => this.process(instanceId));
  }

  /** The instance was removed from the store, or begins anew under the same id. */
  forget(instanceId: string): void {
    this.sessions.delete(instanceId);
    this.waiting.delete(instanceId);
  }

  private async process(instanceId: string): Promise<void> {
    const session = this.sessions.get(instanceId) ?? this.load(instanceId);
    if (!session || session.busy || !isRunnable(session)) return;
    session.busy = true;
    try {
      await this.turn(session);
    } finally {
      session.busy = false;
    }
    if (this.sessions.get(instanceId) !== session) return;
    if (hasEnded(session.instance)) this.sessions.delete(instanceId);
    else if (isRunnable(session)) this.wake(instanceId);
    this.evict();
  }

  private load(instanceId: string): Session | undefined {
    const messages = this.waiting.get(instanceId) ?? [];
    this.waiting.delete(instanceId);
    const { store } = this.engine;
    const instance = store.instance(instanceId);
    if (!instance || hasEnded(instance)) {
      const drop = (): void => messages.forEach((message) => store.dropMessage(message.uid));
      if (messages.length > 0) store.commit(drop).catch((error: unknown) => this.engine.crash(instanceId, error));
      return undefined;
    }
    const session = loadSession(store, instance, this.fired, messages);
    this.sessions.set(instanceId, session);
    return session;
  }

  private evict(): void {
    if (this.sessions.size <= MOST_SESSIONS) return;
    for (const [instanceId, session] of this.sessions) {
      if (session.busy || session.inbox.length > 0) continue;
      this.sessions.delete(instanceId);
      if (this.sessions.size <= MOST_SESSIONS * 0.9) return;
    }
  }

  private async turn(session: Session): Promise<void> {
    const control = session.inbox.findIndex(isControl);
    if (control >= 0) return controlInstance(this.engine, session, session.inbox.splice(control, 1)[0]!.message!);
    const impossible = unknownFunction(this.engine.worker, session.instance.name, 'orchestrationTrigger');
    if (impossible) {
      session.inbox = []; // All of it is in the store, for a host that knows the function.
      this.sessions.delete(session.instance.id);
      return this.engine.log('error', session.instance.name, impossible);
    }
    startFirst(session.inbox);
    const check = (name: string, trigger: Parameters<typeof unknownFunction>[2]): string | undefined =>
      unknownFunction(this.engine.worker, name, trigger);
    const instance = { ...session.instance };
    const plan = new TurnPlan(instance, this.engine.clock.now(), check);
    const taken = receiveItems(session.inbox, instance, plan);
    this.engine.counts.turns++;
    const answer = await replay(this.engine, session, instance, plan);
    if (!answer || this.engine.stopped) return;
    applyActions(answer.actions, instance, plan);
    const conclusion = concludeTurn(this.engine, session, { instance, plan, taken, answer });
    await writeTurn(this.engine, session, conclusion);
  }
}
