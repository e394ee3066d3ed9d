import type { LogLine } from '../contract';
import type { RegisteredFunction } from './core-module';
import type { App } from './load-app';
import type { FunctionCall } from './protocol';

export interface Invoked {
  result: unknown;
  /** The wire form of the result. Not asked for when the Durable engine wants the object itself. */
  respond(): Promise<{ returnValue?: unknown; outputData?: { name: string; data: unknown }[] }>;
}

export class UnregisteredFunction extends Error {}

export function findFunction(app: App, name: string): RegisteredFunction {
  const found = app.registry.functions.get(name.toLowerCase());
  if (!found) throw new UnregisteredFunction(`The app has no function '${name}'.`);
  return found;
}

/** What a user's `throw` of something that is no Error becomes. */
const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

export interface InvokeOptions {
  /** Replaces the converted trigger value, which spares a JSON round trip of a whole history. */
  trigger?: unknown;
  /** Gets the invocation's context when the function has run, also when it threw. */
  after?(context: object): void;
}

/** Runs one function through the programming model and the hooks. */
export async function invoke(
  app: App,
  call: FunctionCall,
  log: (line: LogLine) => void,
  options: InvokeOptions = {},
): Promise<Invoked> {
  const target = findFunction(app, call.functionName);
  const core = coreContext(target, call, log);
  const model = await app.registry.model!.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();
  if (options.trigger !== undefined) inputs[0] = options.trigger;
  const shared = { hookData: {}, appHookData: app.hookData.app, invocationContext: context };

  core.state = 'preInvocationHooks';
  const before = { ...shared, inputs, functionCallback: target.callback };
  for (const hook of app.registry.hooks.preInvocation) await hook(before);

  core.state = 'invocation';
  const after: { result: unknown; error: unknown } = {
    ...shared,
    inputs: before.inputs,
    result: null,
    error: null,
  } as never;
  try {
    after.result = await model.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    after.error = asError(error);
  }

  options.after?.(context);

  core.state = 'postInvocationHooks';
  for (const hook of app.registry.hooks.postInvocation) await hook(after);
  core.state = undefined;
  if (after.error !== null && after.error !== undefined) throw asError(after.error);
  return { result: after.result, respond: () => model.getResponse(context, after.result) };
}

interface CoreInvocationContext {
  state?: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks';
  [field: string]: unknown;
}

function coreContext(
  target: RegisteredFunction,
  call: FunctionCall,
  log: (line: LogLine) => void,
): CoreInvocationContext {
  const { metadata } = target;
  const { invocationId, triggerMetadata } = call;
  return {
    invocationId,
    metadata,
    state: undefined,
    request: {
      invocationId,
      functionId: metadata.name,
      inputData: inputData(target, call),
      triggerMetadata,
      traceContext: { traceParent: '', traceState: '', attributes: {} },
    },
    log: (level: LogLine['level'], category: string, message: string) =>
      log({ level, category: `Function.${metadata.name}.${category === 'user' ? 'User' : 'System'}`, message }),
  };
}

function inputData(target: RegisteredFunction, call: FunctionCall): { name: string; data: unknown }[] {
  return Object.entries(target.metadata.bindings).flatMap(([name, binding]) => {
    if (/trigger$/i.test(binding.type)) return [{ name, data: call.data ?? null }];
    if (/^durableClient$/i.test(binding.type)) return [{ name, data: { string: call.durableClient ?? '{}' } }];
    return [];
  });
}
