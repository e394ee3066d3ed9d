import Module from 'node:module';
import type { LogLine } from '../contract';

/** What `@azure/functions` hands over when a function is registered. */
export interface Registration {
  name: string;
  bindings: Record<string, { type: string; direction?: string; [setting: string]: unknown }>;
}

export type Callback = (...inputs: unknown[]) => unknown;
export type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation' | 'log';
export type Hook = (context: object) => unknown;

/** The part of the programming model (`@azure/functions`) that the worker drives. */
export interface ProgrammingModel {
  getCapabilities?(offered: Record<string, string>): Promise<Record<string, string>> | Record<string, string>;
  getInvocationModel(context: object): InvocationModel | Promise<InvocationModel>;
}

export interface InvocationModel {
  getArguments(): Promise<{ context: object; inputs: unknown[] }>;
  invokeFunction(context: object, inputs: unknown[], callback: Callback): Promise<unknown>;
  getResponse(
    context: object,
    result: unknown,
  ): Promise<{ returnValue?: unknown; outputData?: { name: string; data: unknown }[] }>;
}

export interface RegisteredFunction {
  metadata: Registration & { functionId: string };
  callback: Callback;
}

/** Everything the app told the worker through `@azure/functions-core`. */
export interface AppRegistry {
  readonly functions: Map<string, RegisteredFunction>;
  readonly hooks: Record<HookName, Hook[]>;
  model?: ProgrammingModel;
  /** Set once the app is loaded; from then on registering throws, as it does in Azure. */
  locked: boolean;
}

class Disposable {
  constructor(private callOnDispose?: () => unknown) {}

  static from(...parts: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => parts.forEach((part) => part.dispose()));
  }

  dispose(): void {
    this.callOnDispose?.();
    this.callOnDispose = undefined;
  }
}

export function createRegistry(): AppRegistry {
  const hooks = { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] };
  return { functions: new Map(), hooks, locked: false };
}

/**
 * Makes `require('@azure/functions-core')` succeed. No such package exists: the module is how `@azure/functions` learns
 * that it runs in a worker, and it caches a failure, so this comes before the app is loaded. `Module._load` is also
 * what the SDK's `require` ends in when an ESM app imports it.
 */
export function installCoreModule(registry: AppRegistry, log: (line: LogLine) => void): void {
  const core = coreModule(registry, log);
  const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
  const load = loader._load;
  loader._load = function (request, ...rest) {
    return request === '@azure/functions-core' ? core : load.call(this, request, ...rest);
  };
}

function coreModule(registry: AppRegistry, log: (line: LogLine) => void): object {
  return {
    version: '3.13.0', // of the real worker whose contract this is
    hostVersion: '4.1048.0',
    Disposable,
    registerFunction: (metadata: Registration, callback: Callback) => register(registry, metadata, callback),
    setProgrammingModel: (model: ProgrammingModel) => void (registry.model = model),
    getProgrammingModel: () => registry.model,
    registerHook: (name: HookName, hook: Hook) => registerHook(registry, name, hook),
    log: (level: LogLine['level'], category: string, message: string) => log({ level, category, message }),
  };
}

function register(registry: AppRegistry, metadata: Registration, callback: Callback): Disposable {
  if (registry.locked) throw systemError(new Error('A function can only be registered during app startup.'));
  const key = metadata.name.toLowerCase();
  if (registry.functions.has(key)) {
    throw systemError(new Error(`A function with id "${metadata.name}" has already been registered.`));
  }
  registry.functions.set(key, { metadata: { ...metadata, functionId: metadata.name }, callback });
  return new Disposable(() => registry.functions.delete(key));
}

function registerHook(registry: AppRegistry, name: HookName, hook: Hook): Disposable {
  const hooks = registry.hooks[name];
  if (!hooks) throw systemError(new RangeError(`Unrecognized hook "${String(name)}"`));
  hooks.push(hook);
  return new Disposable(() => hooks.splice(hooks.indexOf(hook), 1));
}

/** `@azure/functions` tells errors of the worker from errors of the app by this mark. */
function systemError<E extends Error>(error: E): E {
  return Object.assign(error, { isAzureFunctionsSystemError: true });
}
