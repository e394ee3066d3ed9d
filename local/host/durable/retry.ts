import type { RetryPolicy } from '../worker/protocol';
import type { Call, NewTask, Retry } from './records';

export function firstAttempt(call: Call, policy: RetryPolicy, now: number): Retry {
  return { call, policy, attempt: 1, deadline: now + policy.timeoutMs };
}

export const nextAttempt = (retry: Retry): Retry => ({ ...retry, attempt: retry.attempt + 1 });

export const mayTryAgain = (retry: Retry): boolean => retry.attempt < retry.policy.maxAttempts;

/**
 * The timer that follows a failed attempt; like the real host there is one after the last attempt too, since the SDK
 * counts it. Past `retryTimeout`, or when the work is poison, the SDK still counts every attempt, so each of those left
 * fails at once with the failure that is known.
 */
export function timerAfterFailure(retry: Retry, failure: string, now: number): { dueAt: number; retry: Retry } {
  if (retry.failure === undefined && now < retry.deadline) {
    const { firstIntervalMs, backoffCoefficient, maxIntervalMs } = retry.policy;
    return { dueAt: now + Math.min(firstIntervalMs * backoffCoefficient ** (retry.attempt - 1), maxIntervalMs), retry };
  }
  return { dueAt: now, retry: { ...retry, failure: retry.failure ?? failure } };
}

/**
 * True for a completion that only the SDK sees, not the user's code: a failed attempt (the SDK takes an id for a timer)
 * or the timer before another attempt (it takes an id for that). To keep ids predictable such an event may only follow
 * others of its kind within one turn.
 */
export function isInternal(task: Pick<NewTask, 'kind' | 'retry'> & { state: string }): boolean {
  if (!task.retry) return false;
  return task.kind === 'timer' ? mayTryAgain(task.retry) : task.state === 'failed';
}
