import type { Refusal } from '../shared/model/errors';
import { JOIN_DEADLINE_MS } from '../shared/model/plan';
import type { Problem } from './carry-through';
import { activities, type MasterCommand, type MastersView, type OperationInput } from './contracts';
import { call, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { OperationEnd } from './operation';
import { lookPauseMs } from './pace';

/** What the operations on masters share. */

const COMMAND_POLL_MS = 10_000;
/** A command ends by itself before that, or Azure has lost it. */
const COMMAND_DEADLINE_MS = 20 * 60_000;

export interface Step {
  phase: string;
  progress: { done: number; total: number; unit: string };
}

/** Says how far the operation is where it must not be broken off: a wish to cancel waits for the next `publish`. */
export function* tell(context: OrchestrationContext, { operationId }: OperationInput, step: Step): Workflow<void> {
  yield* call(context, activities.reportProgress, { operationId, ...step });
}

export function* observeMasters(
  context: OrchestrationContext,
  { cluster, operationId }: OperationInput,
): Workflow<MastersView> {
  return yield* call(context, activities.observeMasters, { cluster, cause: operationId });
}

/** Ends the operation as failed; `next` tells the operator how to go on. */
export function broken({ code, message }: Problem | Refusal, next = ''): OperationEnd {
  const told = next ? `${message}; ${next}` : message;
  return new OperationEnd({ state: 'failed', error: { code, message: told }, phase: 'degraded', phaseReason: told });
}

/** Ends the operation before anything was touched: the cluster stands as it stood. */
export function refused({ code, message }: Problem | Refusal, { phase, phaseReason }: MastersView): OperationEnd {
  return new OperationEnd({ state: 'failed', error: { code, message }, phase, phaseReason });
}

/** Has one master run a command to its end. Returns why it failed. */
export function* command(
  context: OrchestrationContext,
  { cluster, operationId }: OperationInput,
  { name, command }: { name: string; command: MasterCommand },
): Workflow<Problem | undefined> {
  const begun = yield* call(context, activities.beginMasterCommand, { cluster, operationId, name, command });
  if (!begun.ok) return begun;
  const deadline = now(context) + COMMAND_DEADLINE_MS;
  for (;;) {
    const polled = yield* call(context, activities.pollMasterCommand, { poller: begun.poller, command });
    if (polled.state === 'succeeded') return undefined;
    if (polled.state === 'failed') return { code: polled.code, message: `${name}: ${polled.message}` };
    if (now(context) > deadline)
      return { code: 'DEADLINE_EXCEEDED', message: `${name} did not answer a command within 20 minutes` };
    yield* sleep(context, COMMAND_POLL_MS);
  }
}

/** Looks until `isThere` holds. Returns why it did not within the time that a machine may take to join. */
export function* waitForMasters(
  context: OrchestrationContext,
  operation: OperationInput,
  { step, isThere }: { step: Step; isThere: (view: MastersView) => boolean },
): Workflow<Problem | undefined> {
  const deadline = now(context) + JOIN_DEADLINE_MS;
  for (;;) {
    const view = yield* observeMasters(context, operation);
    yield* tell(context, operation, step);
    if (isThere(view)) return undefined;
    if (now(context) > deadline)
      return { code: 'NEVER_JOINED', message: `gave up ${step.phase} after 15 minutes: ${view.phaseReason}` };
    yield* sleep(context, lookPauseMs(view.agents));
  }
}
