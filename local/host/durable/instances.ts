import { InstanceExists } from '../contract';
import type { Engine } from './engine';
import { hasEnded, type Message } from './records';
import { newExecutionId } from './write-turn';

export interface NewInstance {
  id: string;
  name: string;
  version: string | null;
  input: string | null;
  parent: { id: string; task: number } | null;
  /** 0 for at once. */
  startAt: number;
}

/** Creates an instance within a transaction; one that has ended is replaced, as the real host does by default. */
export function createInstance(engine: Engine, { id, name, version, input, parent, startAt }: NewInstance): Message {
  const { store } = engine;
  const earlier = store.instance(id);
  if (earlier && !hasEnded(earlier))
    throw new InstanceExists(`An Orchestration instance with the status ${earlier.status} already exists.`);
  if (earlier) removeInstance(engine, id);
  const now = engine.clock.now();
  store.saveInstance({
    id,
    name,
    version,
    status: 'Pending',
    input,
    output: null,
    customStatus: null,
    createdAt: now,
    updatedAt: now,
    executionId: newExecutionId(),
    parentId: parent?.id ?? null,
    parentTask: parent?.task ?? null,
    nextTaskId: 0,
    turns: 0,
    replayedEvents: 0,
    locks: null,
    deaths: 0,
  });
  return store.addMessage({ to: id, body: { kind: 'start' }, dueAt: startAt });
}

export function removeInstance(engine: Engine, id: string): void {
  engine.store.removeInstance(id);
  engine.orchestrations.forget(id);
}
