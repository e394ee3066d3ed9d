import { randomUUID } from 'node:crypto';
import type { HistoryEvent } from '../worker/protocol';
import { EVENT, historyEvent } from './history';
import type { Call, Instance, MessageBody, NewMessage, NewTask, Retry } from './records';

/** Says why a function cannot be called, or nothing. */
export type CheckFunction = (
  name: string,
  trigger: 'activityTrigger' | 'orchestrationTrigger' | 'entityTrigger',
) => string | undefined;

export interface EntityRequest {
  entityId: string;
  operation: string;
  input: string | null;
  isSignal: boolean;
  dueAt: number;
}

/** What one turn of an orchestration produces, before any of it is written. */
export class TurnPlan {
  /** Received: what the replay is to see as new. */
  readonly received: HistoryEvent[];
  /** Issued by this turn, in the order of their ids. */
  readonly issued: HistoryEvent[] = [];
  readonly tasks: NewTask[] = [];
  readonly messages: NewMessage[] = [];
  nextTaskId: number;
  /** The orchestration cannot go on: an action is impossible. */
  failure?: string;

  constructor(
    private readonly instance: Instance,
    readonly now: number,
    private readonly check: CheckFunction,
  ) {
    this.nextTaskId = instance.nextTaskId;
    this.received = [this.event(EVENT.OrchestratorStarted, -1)];
  }

  event(type: number, id: number, fields?: Record<string, unknown>): HistoryEvent {
    return historyEvent(this.now, type, id, fields);
  }

  receive(type: number, fields: Record<string, unknown>): void {
    this.received.push(this.event(type, -1, fields));
  }

  /** An attempt whose outcome is known (`retry.failure`) is still planned: it fails as soon as it is written. */
  call(taskId: number, call: Call, retry: Retry | null): void {
    const isActivity = call.kind === 'activity';
    const impossible = this.check(call.name, isActivity ? 'activityTrigger' : 'orchestrationTrigger');
    if (impossible) return this.fail(impossible);
    const childId = isActivity ? null : call.instanceId || `${this.instance.executionId}:${taskId}`;
    const fields = { Name: call.name, Version: call.version ?? '', Input: call.input };
    this.issued.push(
      isActivity
        ? this.event(EVENT.TaskScheduled, taskId, fields)
        : this.event(EVENT.SubOrchestrationInstanceCreated, taskId, { ...fields, InstanceId: childId }),
    );
    this.task(taskId, {
      kind: call.kind,
      name: call.name,
      input: call.input,
      version: call.version ?? null,
      retry,
      childId,
    });
  }

  timer(taskId: number, dueAt: number, options: { cancelled?: boolean; retry?: Retry } = {}): void {
    this.issued.push(this.event(EVENT.TimerCreated, taskId, { FireAt: new Date(dueAt).toISOString() }));
    if (!options.cancelled) this.task(taskId, { kind: 'timer', dueAt, retry: options.retry ?? null });
  }

  http(taskId: number, request: string): void {
    const name = 'BuiltIn::HttpActivity';
    this.issued.push(this.event(EVENT.TaskScheduled, taskId, { Name: name, Version: '', Input: request }));
    this.task(taskId, { kind: 'http', name, input: request });
  }

  /** The SDK learns from `Input.id` which event will answer. */
  sendToEntity(taskId: number, entityId: string, body: MessageBody & { id: string }, dueAt = 0): void {
    this.issued.push(
      this.event(EVENT.EventSent, taskId, {
        InstanceId: entityId,
        Name: eventSentName(body),
        Input: JSON.stringify(body),
      }),
    );
    this.messages.push({ to: entityId, body, dueAt });
  }

  /** `dueAt` is 0 for at once; only a signal may be due later. */
  operateEntity(taskId: number, request: EntityRequest): void {
    const { entityId, dueAt, ...operation } = request;
    const impossible = this.check(entityName(entityId), 'entityTrigger');
    if (impossible) return this.fail(impossible);
    const body = { kind: 'operation', id: randomUUID(), callerId: this.instance.id, ...operation } as const;
    this.sendToEntity(taskId, entityId, body, dueAt);
  }

  releaseLocks(firstTaskId: number): void {
    const { locks, id: callerId } = this.instance;
    locks?.entityIds.forEach((entityId, index) =>
      this.sendToEntity(firstTaskId + index, entityId, { kind: 'release', id: locks.requestId, callerId }),
    );
    this.instance.locks = null;
  }

  fail(reason: string): void {
    this.failure ??= reason;
  }

  private task(taskId: number, fields: Pick<NewTask, 'kind'> & Partial<NewTask>): void {
    const empty = { name: '', input: null, dueAt: 0, retry: null, childId: null, version: null };
    this.tasks.push({ ...empty, ...fields, instanceId: this.instance.id, taskId });
  }
}

const eventSentName = (body: MessageBody): string => (body.kind === 'release' ? 'release' : 'op');

/** `counter` of `@counter@key`. */
export const entityName = (entityId: string): string => entityId.slice(1, entityId.indexOf('@', 1));
