import type { NewAction, RetryPolicy } from './protocol';

/** Numbers of durable-functions' `ActionType`. */
const TYPE = {
  callActivity: 0,
  callActivityWithRetry: 1,
  callSubOrchestrator: 2,
  callSubOrchestratorWithRetry: 3,
  continueAsNew: 4,
  createTimer: 5,
  waitForExternalEvent: 6,
  callEntity: 7,
  callHttp: 8,
  signalEntity: 9,
  scheduledSignalEntity: 10, // Part of the protocol, though durable-functions 3.5 does not send it.
  whenAny: 11,
  whenAll: 12,
  lockEntities: 13,
  releaseEntities: 14,
} as const;

interface SdkRetryOptions {
  firstRetryIntervalInMilliseconds: number;
  maxNumberOfAttempts: number;
  backoffCoefficient?: number;
  maxRetryIntervalInMilliseconds?: number;
  retryTimeoutInMilliseconds?: number;
}

/** An action object of durable-functions 3; which fields are there depends on `actionType`. */
export interface SdkAction {
  actionType: number;
  functionName?: string;
  input?: unknown;
  instanceId?: string;
  version?: string;
  retryOptions?: SdkRetryOptions;
  fireAt?: Date;
  isCanceled?: boolean;
  externalEventName?: string;
  operation?: string;
  httpRequest?: { method: string; uri: string };
  lockSet?: { name: string; key: string }[];
  lockRequestId?: string;
  compoundActions?: SdkAction[];
}

export class ReusedTask extends Error {}

/**
 * The single actions in the order in which they get their ids: depth first, by first appearance. A task that appears
 * again, in a second `Task.any` say, is the same object; Azure, which sees only JSON, would start it a second time.
 */
export function flattenActions(actions: readonly SdkAction[]): SdkAction[] {
  const leaves: SdkAction[] = [];
  const seen = new Set<SdkAction>();
  const visit = (action: SdkAction): void => {
    if (action.compoundActions) return action.compoundActions.forEach(visit);
    if (seen.has(action)) {
      if (idsTaken(action, 1) > 0) throw new ReusedTask(reuseMessage(action));
      return;
    }
    seen.add(action);
    leaves.push(action);
  };
  actions.forEach(visit);
  return leaves;
}

function reuseMessage(action: SdkAction): string {
  return (
    `the task of ${signature(action)} is part of a second Task.any, Task.all or yield of a compound task. The Azure ` +
    'Functions host would start it again (Azure/azure-functions-durable-js issue 574). Yield a task in one compound ' +
    'task only, and after that the task itself.'
  );
}

/** How many task ids the action consumes; the SDK counts in the same way (`sequenceNumber`). */
export function idsTaken(action: SdkAction, lockedEntities: number): number {
  switch (action.actionType) {
    case TYPE.continueAsNew:
    case TYPE.waitForExternalEvent:
      return 0;
    case TYPE.releaseEntities:
      return lockedEntities;
    default:
      return 1;
  }
}

export const isTimer = (action: SdkAction): boolean => action.actionType === TYPE.createTimer;
export const lockSize = (action: SdkAction): number | undefined => action.lockSet?.length;

/**
 * What must be the same on every replay. Inputs are compared only where they are plain values: an object may have been
 * changed in place since, and what counts is how it looked when it was first sent.
 */
export function signature(action: SdkAction): string {
  switch (action.actionType) {
    case TYPE.callActivity:
    case TYPE.callActivityWithRetry:
      return `callActivity '${action.functionName}'${plainInput(action.input)}`;
    case TYPE.callSubOrchestrator:
    case TYPE.callSubOrchestratorWithRetry:
      return `callSubOrchestrator '${action.functionName}'${action.instanceId ? ` as '${action.instanceId}'` : ''}${plainInput(action.input)}`;
    case TYPE.continueAsNew:
      return 'continueAsNew';
    case TYPE.createTimer:
      return `createTimer for ${fireTime(action)}`;
    case TYPE.waitForExternalEvent:
      return `waitForExternalEvent '${action.externalEventName}'`;
    case TYPE.callEntity:
      return `callEntity '${action.instanceId}' ${action.operation}${plainInput(action.input)}`;
    case TYPE.callHttp:
      return `callHttp ${action.httpRequest?.method} ${action.httpRequest?.uri}`;
    case TYPE.signalEntity:
    case TYPE.scheduledSignalEntity:
      return `signalEntity '${action.instanceId}' ${action.operation}${plainInput(action.input)}`;
    case TYPE.lockEntities:
      return `lock of ${entityIds(action).join(', ')}`;
    case TYPE.releaseEntities:
      return 'release of locks';
    default:
      return `action of unknown type ${action.actionType}`;
  }
}

const LONGEST_INPUT_SHOWN = 200;

function plainInput(input: unknown): string {
  if (input === undefined || (typeof input === 'object' && input !== null)) return '';
  const text = String(input);
  return ` with ${text.length > LONGEST_INPUT_SHOWN ? `${text.slice(0, LONGEST_INPUT_SHOWN)}… (${text.length} characters)` : text}`;
}

const fireTime = (action: SdkAction): string => (action.fireAt ? new Date(action.fireAt).toISOString() : 'no time');
const entityIds = (action: SdkAction): string[] =>
  (action.lockSet ?? []).map((each) => `@${each.name.toLowerCase()}@${each.key}`);
const json = (value: unknown): string | null => (value === undefined ? null : (JSON.stringify(value) ?? null));

/** The SDK has turned string inputs of these actions into JSON text itself; other values arrive as they are. */
const preparedJson = (value: unknown): string | null => (typeof value === 'string' ? value : json(value));

/** The new input, if one of the actions is a continue-as-new. */
export function continueAsNewOf(actions: readonly SdkAction[]): { input: string | null } | undefined {
  const action = actions.find((each) => each.actionType === TYPE.continueAsNew);
  return action && { input: preparedJson(action.input) };
}

/** The plain form of an action for the host; throws where an input is not JSON. */
export function toNewAction(action: SdkAction, id: number): NewAction {
  const common = { id, signature: signature(action) };
  const name = action.functionName ?? '';
  const operation = action.operation ?? '';
  const target = action.instanceId ?? '';
  switch (action.actionType) {
    case TYPE.callActivity:
    case TYPE.callActivityWithRetry:
      return { ...common, kind: 'activity', name, input: preparedJson(action.input), retry: retryPolicy(action) };
    case TYPE.callSubOrchestrator:
    case TYPE.callSubOrchestratorWithRetry: {
      const { instanceId, version } = action;
      return {
        ...common,
        kind: 'orchestration',
        name,
        input: json(action.input),
        instanceId,
        version,
        retry: retryPolicy(action),
      };
    }
    case TYPE.continueAsNew:
      return { ...common, kind: 'continueAsNew' };
    case TYPE.createTimer:
      return {
        ...common,
        kind: 'timer',
        fireAt: new Date(action.fireAt!).getTime(),
        cancelled: action.isCanceled === true,
      };
    case TYPE.waitForExternalEvent:
      return { ...common, kind: 'wait', name: action.externalEventName ?? '' };
    case TYPE.callHttp:
      return { ...common, kind: 'http', request: JSON.stringify(action.httpRequest) };
    case TYPE.callEntity:
      return { ...common, kind: 'callEntity', entityId: target, operation, input: json(action.input) };
    case TYPE.signalEntity:
    case TYPE.scheduledSignalEntity: {
      const dueAt = action.fireAt ? new Date(action.fireAt).getTime() : 0;
      return { ...common, kind: 'signalEntity', entityId: target, operation, input: json(action.input), dueAt };
    }
    case TYPE.lockEntities:
      return { ...common, kind: 'lock', entityIds: entityIds(action), lockRequestId: action.lockRequestId ?? '' };
    case TYPE.releaseEntities:
      return { ...common, kind: 'release' };
    default:
      throw new Error(`Received an unexpected action type: ${action.actionType}.`);
  }
}

const LONG_MS = 100 * 365 * 86_400_000; // Stands for no limit; added to any time it is a valid Date still.

function retryPolicy({ retryOptions: options }: SdkAction): RetryPolicy | undefined {
  if (!options) return undefined;
  return {
    maxAttempts: options.maxNumberOfAttempts,
    firstIntervalMs: options.firstRetryIntervalInMilliseconds,
    backoffCoefficient: options.backoffCoefficient ?? 1,
    maxIntervalMs: options.maxRetryIntervalInMilliseconds ?? LONG_MS,
    timeoutMs: options.retryTimeoutInMilliseconds ?? LONG_MS,
  };
}
