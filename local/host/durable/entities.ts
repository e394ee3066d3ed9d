import { randomUUID } from 'node:crypto';
import type { EntityAnswer } from '../worker/protocol';
import type { Engine } from './engine';
import { findDurable } from './functions';
import { hasEnded, type Entity, type Message, type MessageBody, type NewMessage } from './records';
import { entityName } from './turn-plan';
import { poisonMessage, untilPoison } from './until-poison';

type Operation = Message & { body: Extract<MessageBody, { kind: 'operation' }> };

/** Entities: one batch at a time each, in order of arrival, as far as a lock permits. */
export class Entities {
  private readonly mailboxes = new Map<string, Message[]>();
  private readonly busy = new Set<string>();

  constructor(private readonly engine: Engine) {}

  receive(message: Message): void {
    const mailbox = this.mailboxes.get(message.to);
    if (mailbox) mailbox.push(message);
    else this.mailboxes.set(message.to, [message]);
    this.engine.ready(message.to, () => this.process(message.to));
  }

  private async process(id: string): Promise<void> {
    if (this.busy.has(id)) return;
    this.busy.add(id);
    try {
      if (await this.turn(id)) this.engine.ready(id, () => this.process(id));
    } finally {
      this.busy.delete(id);
    }
  }

  /** False when there is nothing that may run now. */
  private async turn(id: string): Promise<boolean> {
    const entity = this.engine.store.entity(id);
    const taken = nextBatch(this.mailboxes.get(id) ?? [], entity);
    const first = taken[0];
    if (!first) return false;
    const out =
      first.body.kind === 'operation'
        ? await this.operate(entity, taken as Operation[])
        : this.changeLock(entity, first);
    if (!out) return false;
    const { store } = this.engine;
    const added = await store.commit(() => {
      for (const message of taken) store.dropMessage(message.uid);
      store.saveEntity(entity);
      return out.map((message) => store.addMessage(message));
    });
    this.forget(id, new Set(taken));
    for (const message of added) this.engine.deliver(message);
    return this.mailboxes.has(id);
  }

  private forget(id: string, taken: Set<Message>): void {
    const left = (this.mailboxes.get(id) ?? []).filter((message) => !taken.has(message));
    if (left.length > 0) this.mailboxes.set(id, left);
    else this.mailboxes.delete(id);
  }

  private changeLock(entity: Entity, { body }: Message): NewMessage[] {
    if (body.kind === 'release') {
      if (entity.lockedBy === body.callerId) entity.lockedBy = null;
      return [];
    }
    if (body.kind !== 'lock') return [];
    const caller = this.engine.store.instance(body.callerId);
    // Whoever ended while waiting has released what it held; a lock taken for it now would stay for ever.
    if (!caller || hasEnded(caller) || caller.locks?.requestId !== body.id) return [];
    entity.lockedBy = body.callerId;
    const position = body.position + 1;
    const next = body.entityIds[position];
    if (next) return [{ to: next, body: { ...body, position }, dueAt: 0 }];
    return [
      { to: body.callerId, body: { kind: 'event', name: body.id, input: JSON.stringify({ result: null }) }, dueAt: 0 },
    ];
  }

  private async operate(entity: Entity, batch: Operation[]): Promise<NewMessage[] | undefined> {
    const name = entityName(entity.id);
    const registered = findDurable(this.engine.worker, name, 'entityTrigger');
    if (!registered) {
      this.engine.log(
        'error',
        name,
        `The app has no entity '${name}' any more; ${batch.length} operations wait for it.`,
      );
      return undefined;
    }
    this.engine.counts.entityBatches++;
    try {
      const outcome = await untilPoison(this.engine, {
        kind: 'entity',
        deaths: Math.max(...batch.map((message) => message.deaths)),
        saveDeaths: () => this.saveDeaths(batch),
        run: () => this.engine.worker.runEntity(entityBatch(registered.name, entity, batch)),
      });
      if (outcome.kind === 'stopped') return undefined;
      if (outcome.kind === 'done') return settle(entity, batch, outcome.value);
      return await this.setAside(entity, batch, outcome.deaths, outcome.reason);
    } catch (error) {
      return batch.flatMap((message) =>
        reply(message, { result: JSON.stringify((error as Error).message), exceptionType: 'Error' }),
      );
    }
  }

  /** The next try takes the first operation by itself, so that one bad operation does not condemn its neighbours. */
  private async saveDeaths(batch: Operation[]): Promise<void> {
    batch.splice(1);
    const first = batch[0]!;
    first.deaths++;
    await this.engine.store.commit(() => this.engine.store.saveMessageDeaths(first));
  }

  private async setAside(entity: Entity, batch: Operation[], deaths: number, reason: string): Promise<NewMessage[]> {
    const name = entityName(entity.id);
    const message = poisonMessage('Entity', name, deaths, reason);
    this.engine.log('critical', name, message);
    await this.engine.store.commit(() =>
      this.engine.store.addPoison({ instanceId: entity.id, functionName: name, deaths, reason }),
    );
    return batch.flatMap((operation) => reply(operation, { result: JSON.stringify(message), exceptionType: 'Error' }));
  }
}

/** Operations that the lock permits, up to the first lock or release that takes effect; that one comes alone. */
function nextBatch(mailbox: Message[], entity: Entity): Message[] {
  const batch: Message[] = [];
  for (const message of mailbox) {
    const { body } = message;
    if (body.kind === 'release') return batch.length > 0 ? batch : [message];
    const mayRun = !entity.lockedBy || ('callerId' in body && body.callerId === entity.lockedBy);
    if (!mayRun) continue;
    if (body.kind === 'lock') return batch.length > 0 ? batch : [message];
    if (body.kind === 'operation') batch.push(message);
    if (message.deaths > 0) return batch.length > 1 ? batch.slice(0, -1) : batch;
  }
  return batch;
}

function entityBatch(
  functionName: string,
  entity: Entity,
  batch: Operation[],
): Parameters<Engine['worker']['runEntity']>[0] {
  const name = entityName(entity.id);
  return {
    functionName,
    self: { name, key: entity.id.slice(name.length + 2) },
    exists: entity.exists,
    state: entity.state,
    batch: batch.map(({ body }) => ({ name: body.operation, input: body.input, isSignal: body.isSignal })),
  };
}

function settle(entity: Entity, batch: Operation[], answer: EntityAnswer): NewMessage[] {
  entity.exists = answer.exists;
  entity.state = answer.state;
  const replies = batch.flatMap((message, index) => {
    const { isError, result } = answer.results[index] ?? { isError: false, result: null };
    return reply(message, isError ? { result, exceptionType: 'Error' } : { result });
  });
  const signals = answer.signals.map(({ entityId: to, operation, input }): NewMessage => {
    const body = {
      kind: 'operation',
      id: randomUUID(),
      operation,
      input,
      isSignal: true,
      callerId: entity.id,
    } as const;
    return { to, body, dueAt: 0 };
  });
  return [...replies, ...signals];
}

/** The caller knows the answer by the id of its request. */
function reply({ body }: Operation, answer: { result: string | null; exceptionType?: string }): NewMessage[] {
  if (body.isSignal || !body.callerId) return [];
  return [{ to: body.callerId, body: { kind: 'event', name: body.id, input: JSON.stringify(answer) }, dueAt: 0 }];
}
