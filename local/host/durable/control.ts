import { releasesOf } from './conclude-turn';
import type { Engine } from './engine';
import { EVENT, historyEvent } from './history';
import type { Message } from './records';
import type { Session } from './session';
import { endInstance } from './write-turn';

const EVENTS = {
  terminate: EVENT.ExecutionTerminated,
  suspend: EVENT.ExecutionSuspended,
  resume: EVENT.ExecutionResumed,
};
const STATUSES = { terminate: 'Terminated', suspend: 'Suspended', resume: 'Running' } as const;

/** Terminates, suspends or resumes; the orchestrator's code has no part in it. Sub-orchestrations go on, as in Azure. */
export async function controlInstance(engine: Engine, session: Session, message: Message): Promise<void> {
  const { store } = engine;
  const { body } = message;
  if (body.kind !== 'terminate' && body.kind !== 'suspend' && body.kind !== 'resume') return;
  const now = engine.clock.now();
  const instance = { ...session.instance, status: STATUSES[body.kind], updatedAt: now };
  const ends = body.kind === 'terminate';
  const { added, parents } = await store.commit(() => {
    store.dropMessage(message.uid);
    const event = {
      ...historyEvent(now, EVENTS[body.kind as keyof typeof EVENTS], -1, { Reason: body.reason }),
      IsPlayed: true,
    };
    store.addHistory(instance.id, instance.turns++, { events: [event], actions: [] });
    if (ends) instance.output = JSON.stringify(body.reason);
    const releases = ends ? releasesOf(instance).map((release) => store.addMessage(release)) : [];
    if (ends) instance.locks = null;
    const told = ends ? endInstance(engine, instance) : [];
    store.saveInstance(instance);
    return { added: releases, parents: told };
  });
  session.instance = instance;
  if (ends) {
    for (const task of session.tasks.values()) engine.cancel(task);
    Object.assign(session, { inbox: [], tasks: new Map() });
    engine.counts.endedOrchestrations++;
  }
  for (const release of added) engine.deliver(release);
  for (const task of parents) engine.taskEnded(task);
}
