import type { ErrorCode, Outcome } from '../shared/model/errors';
import { activities } from './contracts';
import { call, now, sleep, type OrchestrationContext, type Workflow } from './durable';

const POLL_MS = 10_000;
/** Somebody else's change of the scale set is over after that, or the operation says that it is not. */
const CONFLICT_ATTEMPTS = 30;
/** Azure may take that long over a change of many machines. */
const DEADLINE_MS = 40 * 60_000;

export interface Problem {
  code: ErrorCode;
  message: string;
}

/**
 * Begins a change at Azure and follows it to its end; begins again while something else changes the same. `begin` must bear
 * a repeat. Returns why it was not carried through.
 */
export function* carryThrough(
  context: OrchestrationContext,
  begin: () => Workflow<Outcome<{ pollers: string[] }>>,
): Workflow<Problem | undefined> {
  for (let attempt = 1; ; attempt++) {
    const begun = yield* begin();
    const problem = begun.ok ? yield* followAll(context, begun.pollers) : begun;
    if (!problem) return undefined;
    if (problem.code !== 'SCALE_SET_CONFLICT' || attempt >= CONFLICT_ATTEMPTS)
      return { code: problem.code, message: problem.message };
    yield* sleep(context, POLL_MS);
  }
}

function* followAll(context: OrchestrationContext, pollers: string[]): Workflow<Problem | undefined> {
  const deadline = now(context) + DEADLINE_MS;
  for (const poller of pollers) {
    const problem = yield* follow(context, poller, deadline);
    if (problem) return problem;
  }
  return undefined;
}

function* follow(context: OrchestrationContext, poller: string, deadline: number): Workflow<Problem | undefined> {
  for (;;) {
    const polled = yield* call(context, activities.pollOperation, { poller });
    if (polled.state === 'succeeded') return undefined;
    if (polled.state === 'failed') return polled;
    if (now(context) > deadline)
      return { code: 'DEADLINE_EXCEEDED', message: 'Azure did not finish within 40 minutes' };
    yield* sleep(context, POLL_MS);
  }
}
