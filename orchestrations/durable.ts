import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type { Contract } from './contracts';

/** A deterministic workflow. `yield*` the helpers below; nothing else may be yielded. */
export type Workflow<Output> = Generator<Task, Output, unknown>;

/**
 * Every activity bears a repeat, so transient failures are simply tried again: 5 s, 10 s, 20 s, 40 s, 60 s, 60 s: about
 * three minutes, longer than a throttled scale set or a restarting function app takes to answer again.
 */
const RETRY = { firstMs: 5_000, attempts: 7, backoff: 2, maxMs: 60_000 };

function retryOptions(): df.RetryOptions {
  const options = new df.RetryOptions(RETRY.firstMs, RETRY.attempts);
  options.backoffCoefficient = RETRY.backoff;
  options.maxRetryIntervalInMilliseconds = RETRY.maxMs;
  return options;
}

/** Runs an activity; throws when it has failed for good. */
export function* call<I, O>(context: OrchestrationContext, activity: Contract<I, O>, input: I): Workflow<O> {
  return (yield context.df.callActivityWithRetry(activity.name, retryOptions(), input)) as O;
}

export function* callChild<I, O>(context: OrchestrationContext, child: Contract<I, O>, input: I): Workflow<O> {
  return (yield context.df.callSubOrchestrator(child.name, input)) as O;
}

export function* sleep(context: OrchestrationContext, ms: number): Workflow<void> {
  yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + ms));
}

/** Milliseconds since the epoch, the same at every replay. */
export const now = (context: OrchestrationContext): number => context.df.currentUtcDateTime.getTime();

export const inputOf = <I>(context: OrchestrationContext): I => context.df.getInput<I>() as I;

export type { OrchestrationContext };
