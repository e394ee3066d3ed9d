import { randomUUID } from 'node:crypto';
import {
  InvalidInstanceId,
  UnknownFunction,
  type Delivered,
  type DurableHub,
  type HubOptions,
  type InstanceFilter,
  type InstanceStatus,
  type PoisonedWork,
} from '../contract';
import { Engine } from './engine';
import { unknownFunction, type DurableTrigger } from './functions';
import { createInstance, removeInstance } from './instances';
import { assertPayload } from './limits';
import { ENDED, hasEnded, type MessageBody } from './records';
import { historyEvents, statusOf } from './status';

/**
 * Opens the state file (held for this process alone; a second host on it is refused with a message that names the file)
 * and takes up what was under way in it.
 */
export function startHub(options: HubOptions): Promise<DurableHub> {
  // Not an async function, but a promise, so that a fault of the file is a rejection like any other.
  return new Promise((resolve) => {
    const engine = new Engine(options);
    engine.recover();
    resolve(new Hub(engine));
  });
}

const LONGEST_INSTANCE_ID = 100;
const PURGE_PAGE = 500; // Instances removed in one transaction, so that others get their turn in between.

class Hub implements DurableHub {
  constructor(private readonly engine: Engine) {}

  async start(request: Parameters<DurableHub['start']>[0]): Promise<{ instanceId: string }> {
    const { name, instanceId: id = randomUUID().replace(/-/g, ''), version = null, startAt = 0 } = request;
    this.assertKnown(name, 'orchestrationTrigger');
    assertInstanceId(id);
    const input = this.toJson(`The input of '${name}'`, request.input);
    const { store } = this.engine;
    const message = await store.commit(() =>
      createInstance(this.engine, { id, name, version, input, parent: null, startAt }),
    );
    this.engine.deliver(message);
    return { instanceId: id };
  }

  status(instanceId: string, show: Parameters<DurableHub['status']>[1] = {}): Promise<InstanceStatus | undefined> {
    const { store } = this.engine;
    return store.commit(() => {
      const instance = store.instance(instanceId);
      if (!instance) return undefined;
      const status = statusOf(instance, show.input);
      return show.history
        ? { ...status, historyEvents: historyEvents(store.history(instanceId), show.historyOutput ?? false) }
        : status;
    });
  }

  list(filter: InstanceFilter): Promise<{ instances: InstanceStatus[]; continuationToken?: string }> {
    const top = filter.top ?? 100;
    const after = filter.continuationToken ? Buffer.from(filter.continuationToken, 'base64url').toString() : '';
    return this.engine.store.commit(() => {
      const found = this.engine.store.instances({ ...filter, top: top + 1 }, after);
      const page = found.slice(0, top);
      const last = found.length > top ? page.at(-1) : undefined;
      const continuationToken = last && Buffer.from(last.id).toString('base64url');
      return { instances: page.map((instance) => statusOf(instance)), continuationToken };
    });
  }

  raiseEvent(instanceId: string, name: string, data: unknown): Promise<Delivered> {
    return this.deliver(instanceId, { kind: 'event', name, input: this.toJson(`The event '${name}'`, data) });
  }

  terminate(instanceId: string, reason: string): Promise<Delivered> {
    return this.deliver(instanceId, { kind: 'terminate', reason });
  }

  suspend(instanceId: string, reason: string): Promise<Delivered> {
    return this.deliver(instanceId, { kind: 'suspend', reason });
  }

  resume(instanceId: string, reason: string): Promise<Delivered> {
    return this.deliver(instanceId, { kind: 'resume', reason });
  }

  async purge(what: { instanceId: string } | InstanceFilter): Promise<number> {
    if ('instanceId' in what) return this.purgePage([what.instanceId]);
    const runtimeStatus = (what.runtimeStatus ?? ENDED).filter((status) => ENDED.includes(status));
    if (runtimeStatus.length === 0) return 0;
    let purged = 0;
    for (let page = -1; page !== 0; purged += page) {
      const found = this.engine.store.instances({ ...what, runtimeStatus, top: PURGE_PAGE }, '');
      page = await this.purgePage(found.map((instance) => instance.id));
    }
    return purged;
  }

  async signalEntity(
    entity: { name: string; key: string },
    operation: string,
    input: unknown,
    dueAt = 0,
  ): Promise<void> {
    this.assertKnown(entity.name, 'entityTrigger');
    const json = this.toJson(`The input of ${operation}`, input);
    const body = {
      kind: 'operation',
      id: randomUUID(),
      operation,
      input: json,
      isSignal: true,
      callerId: null,
    } as const;
    await this.engine.send({ to: entityId(entity), body, dueAt });
  }

  readEntity(entity: { name: string; key: string }): Promise<{ exists: boolean; state: unknown }> {
    return this.engine.store.commit(() => {
      const { exists, state } = this.engine.store.entity(entityId(entity));
      return { exists, state: state === null ? null : (JSON.parse(state) as unknown) };
    });
  }

  poison(): PoisonedWork[] {
    return this.engine.store.poison();
  }

  statistics(): ReturnType<DurableHub['statistics']> {
    return { ...this.engine.counts };
  }

  stop(): Promise<void> {
    this.engine.stop();
    return Promise.resolve();
  }

  private async deliver(instanceId: string, body: MessageBody): Promise<Delivered> {
    const instance = this.engine.store.instance(instanceId);
    if (!instance) return 'unknown';
    if (hasEnded(instance)) return 'gone';
    await this.engine.send({ to: instanceId, body, dueAt: 0 });
    return 'accepted';
  }

  private purgePage(ids: string[]): Promise<number> {
    const { store } = this.engine;
    return store.commit(() => {
      const ended = ids.filter((id) => ENDED.includes(store.instance(id)?.status ?? 'Running'));
      for (const id of ended) removeInstance(this.engine, id);
      return ended.length;
    });
  }

  private assertKnown(name: string, trigger: DurableTrigger): void {
    const problem = unknownFunction(this.engine.worker, name, trigger);
    if (problem) throw new UnknownFunction(problem);
  }

  private toJson(what: string, value: unknown): string | null {
    const json = value === undefined ? null : (JSON.stringify(value) ?? null);
    assertPayload(what, json, this.engine.payloadLimitBytes);
    return json;
  }
}

const entityId = ({ name, key }: { name: string; key: string }): string => `@${name.toLowerCase()}@${key}`;

/** The rules of Durable Functions for instance ids. */
function assertInstanceId(id: string): void {
  const problem =
    id.length < 1 || id.length > LONGEST_INSTANCE_ID
      ? `must have 1 to ${LONGEST_INSTANCE_ID} characters`
      : id.startsWith('@')
        ? 'must not begin with @'
        : /[/\\#?\u0000-\u001f\u007f-\u009f]/.test(id)
          ? 'must not contain /, \\, #, ? or control characters'
          : undefined;
  if (problem) throw new InvalidInstanceId(`The instance id '${id}' is not allowed: it ${problem}.`);
}
