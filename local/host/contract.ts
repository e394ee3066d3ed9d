import type { Clock } from '../clock';
import type { EntityAnswer, EntityBatch, OrchestrationTurn, TurnAnswer } from './worker/protocol';

/** One registered function, as the programming model described it (`registerFunction` of `@azure/functions-core`). */
export interface FunctionMetadata {
  name: string;
  /** Binding name → binding; the trigger is the one whose `type` ends in `Trigger`. */
  bindings: Record<string, { type: string; direction?: string; [setting: string]: unknown }>;
  triggerName: string;
  trigger: { type: string; [setting: string]: unknown };
  /** Names of the bindings of type `durableClient`. */
  durableClients: string[];
}

export interface Invocation {
  functionName: string;
  /** Wire form of the trigger's data (`RpcTypedData`: `{http}`, `{json}`, `{string}`, `{bytes}` …). */
  data: unknown;
  triggerMetadata?: Record<string, unknown>;
  invocationId?: string;
}

/** What the function answered, in wire form. A thrown error rejects with `InvocationFailure`. */
export interface InvocationOutput {
  returnValue?: unknown;
  outputData?: { name: string; data: unknown }[];
}

/** The function threw; nothing is wrong with the worker. */
export class InvocationFailure extends Error {
  constructor(
    message: string,
    readonly remote: { name: string; message: string; stack?: string },
  ) {
    super(message);
  }
}

/** The child process died, or was ended because it did not answer within functionTimeout; the work may have been half done. */
export class WorkerLost extends Error {
  /**
   * `guilty`: this invocation ended the process (it called `process.exit`, threw out of a callback, ran too long);
   * `innocent`: another one did; `unknown`: any of those under way may have.
   */
  constructor(
    message: string,
    readonly blame: 'guilty' | 'innocent' | 'unknown' = 'unknown',
  ) {
    super(message);
  }
}

/** The worker was stopped on purpose: the work is to be left as it is. */
export class WorkerStopped extends WorkerLost {
  constructor() {
    super('The worker is being stopped.', 'innocent');
  }
}

/**
 * The app in its child process. It is restarted by itself after a crash; an invocation that was under way rejects with
 * `WorkerLost`. What to do then is the caller's choice: HTTP answers 502, Durable work is tried again until it is poison.
 */
export interface AppWorker {
  readonly functions: readonly FunctionMetadata[];
  find(name: string): FunctionMetadata | undefined;
  /** host.json of the app, `{}` where it has none. `%SETTING%` is resolved. */
  readonly hostJson: Record<string, never> & {
    extensions?: { http?: { routePrefix?: string } };
    functionTimeout?: string;
  };
  invoke(invocation: Invocation): Promise<InvocationOutput>;
  /** One replay of an orchestrator; `miss` asks for the whole history. Only the Durable engine calls it. */
  orchestrate(turn: OrchestrationTurn): Promise<TurnAnswer>;
  /** One batch of operations on an entity. Only the Durable engine calls it. */
  runEntity(batch: EntityBatch): Promise<EntityAnswer>;
  /** What every `durableClient` binding gets from now on: the JSON text of the client's URLs, asked for at each invocation. */
  setDurableClientBinding(provide: () => string): void;
  /** The app's settings: `Values` of local.settings.json under what `WorkerOptions.env` sets. */
  readonly settings: Readonly<Record<string, string>>;
  /** Base URL of the app's own HTTP server when it called `app.setup({enableHttpStream: true})`. */
  readonly httpStreamUrl?: string;
  /** Ends the child after what is under way, at the latest after `graceMs` of real time. */
  stop(graceMs?: number): Promise<void>;
}

export interface WorkerOptions {
  appDir: string;
  /** Set in the child on top of this process's own environment. */
  env: Record<string, string>;
  /** Passed to the child's Node, such as `-r <preload>`. */
  nodeArgs: string[];
  log: (line: LogLine) => void;
  /** The built `worker/entry.js`; by default `STARLING_WORKER_ENTRY`, else the one built beside this code. */
  entryFile?: string;
}

export interface LogLine {
  level: 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical';
  category: string;
  message: string;
}

export type RuntimeStatus =
  'Pending' | 'Running' | 'Suspended' | 'Completed' | 'Failed' | 'Terminated' | 'ContinuedAsNew' | 'Canceled';

/** As the durable client's HTTP API shows it: `input` and `output` are always present, null when there is none. */
export interface InstanceStatus {
  name: string;
  instanceId: string;
  runtimeStatus: RuntimeStatus;
  input: unknown;
  output: unknown;
  customStatus: unknown;
  /** ISO 8601 UTC */
  createdTime: string;
  lastUpdatedTime: string;
  historyEvents?: unknown[];
}

export interface InstanceFilter {
  createdTimeFrom?: string;
  createdTimeTo?: string;
  runtimeStatus?: RuntimeStatus[];
  instanceIdPrefix?: string;
  top?: number;
  continuationToken?: string;
}

/** Answers of `raiseEvent`, `terminate`, `suspend`, `resume`: `gone` means the instance has ended already (HTTP 410). */
export type Delivered = 'accepted' | 'gone' | 'unknown';

/** Thrown by `start` while an instance of that id is pending, running or suspended (HTTP 409). */
export class InstanceExists extends Error {}
/** Thrown for a function that is not registered, or has another trigger (HTTP 404, or 400 for start). */
export class UnknownFunction extends Error {}
/** Thrown by `start` for an id that Durable Functions does not allow (HTTP 400). */
export class InvalidInstanceId extends Error {}
/** Thrown for an input, event or result over the payload limit (HTTP 413). */
export class PayloadTooLarge extends Error {}

export interface PoisonedWork {
  instanceId: string;
  functionName: string;
  deaths: number;
  reason: string;
}

/** The Durable Functions engine: orchestrations and entities, persisted before any answer. */
export interface DurableHub {
  start(request: {
    name: string;
    instanceId?: string;
    input?: unknown;
    version?: string;
    startAt?: number;
  }): Promise<{ instanceId: string }>;
  status(
    instanceId: string,
    show?: { history?: boolean; historyOutput?: boolean; input?: boolean },
  ): Promise<InstanceStatus | undefined>;
  list(filter: InstanceFilter): Promise<{ instances: InstanceStatus[]; continuationToken?: string }>;
  raiseEvent(instanceId: string, name: string, data: unknown): Promise<Delivered>;
  terminate(instanceId: string, reason: string): Promise<Delivered>;
  suspend(instanceId: string, reason: string): Promise<Delivered>;
  resume(instanceId: string, reason: string): Promise<Delivered>;
  /** Purges ended instances; returns how many. */
  purge(what: { instanceId: string } | InstanceFilter): Promise<number>;
  /** `dueAt` (simulated time) delivers it then and not before. */
  signalEntity(entity: { name: string; key: string }, operation: string, input: unknown, dueAt?: number): Promise<void>;
  readEntity(entity: { name: string; key: string }): Promise<{ exists: boolean; state: unknown }>;
  /** Work set aside because it killed the worker again and again; shown by the host's admin route. */
  poison(): PoisonedWork[];
  /** Counts since the start of this hub, for the admin route and benchmarks. */
  statistics(): { turns: number; activities: number; entityBatches: number; endedOrchestrations: number };
  stop(): Promise<void>;
}

export interface HubOptions {
  /** SQLite file; held exclusively: a second host on it fails with a message that names the file. */
  file: string;
  hubName: string;
  clock: Clock;
  worker: AppWorker;
  log: (line: LogLine) => void;
  /** The largest input, event, result or output in bytes of JSON text; 10 MiB unless told. */
  payloadLimitBytes?: number;
  /** How often work may kill the worker before it is set aside as poison; 3 unless told. */
  maxDeaths?: number;
}
