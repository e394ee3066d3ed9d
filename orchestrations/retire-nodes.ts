import { activities, type RetireInput, type RetireResult } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';

const POLL_MS = 10_000;
const DRAIN_POLL_MS = 5_000;
/** Pods that will not leave by then are cut off: what node autoscalers allow by default lies between 5 and 10 minutes. */
const DRAIN_DEADLINE_MS = 5 * 60_000;
/** Terminate notices may hold a deletion up for 15 minutes; the deletion itself takes a few. */
const DELETE_DEADLINE_MS = 30 * 60_000;

/** Drains agents, deletes exactly their VMs in one call, sees them gone, and removes nodes and rows. A repeat goes on. */
export function* retireNodes(context: OrchestrationContext): Workflow<RetireResult> {
  const input = inputOf<RetireInput>(context);
  if (!(yield* drained(context, input))) return { removed: 0, left: input.vmIds };
  const problem = yield* deleted(context, input);
  if (problem) return { removed: 0, left: input.vmIds, problem };
  const { cluster, vmIds, cause } = input;
  const deadline = now(context) + DELETE_DEADLINE_MS;
  for (;;) {
    const { left } = yield* call(context, activities.confirmGone, { cluster, vmIds, cause });
    if (left.length === 0) return { removed: vmIds.length, left: [] };
    if (now(context) > deadline) {
      const message = `Azure still lists ${left.join(', ')} after 30 minutes`;
      return { removed: vmIds.length - left.length, left, problem: { code: 'DEADLINE_EXCEEDED', message } };
    }
    yield* sleep(context, POLL_MS);
  }
}

/** False when automation has to give way to an operation that started meanwhile. */
function* drained(context: OrchestrationContext, input: RetireInput): Workflow<boolean> {
  const { proceed } = yield* call(context, activities.startDrain, input);
  if (!proceed || !input.drain) return proceed;
  const deadline = now(context) + DRAIN_DEADLINE_MS;
  for (;;) {
    const pass = yield* call(context, activities.drainPass, input);
    if (!pass.proceed) return false;
    if (pass.remaining === 0 || now(context) > deadline) return true;
    yield* sleep(context, DRAIN_POLL_MS);
  }
}

function* deleted(context: OrchestrationContext, input: RetireInput): Workflow<RetireResult['problem']> {
  const deadline = now(context) + DELETE_DEADLINE_MS;
  for (;;) {
    const begun = yield* call(context, activities.deleteAgents, input);
    if (begun.ok) return begun.poller === null ? undefined : yield* followed(context, begun.poller, deadline);
    if (begun.code !== 'SCALE_SET_CONFLICT' || now(context) > deadline)
      return { code: begun.code, message: begun.message };
    yield* sleep(context, POLL_MS);
  }
}

function* followed(context: OrchestrationContext, poller: string, deadline: number): Workflow<RetireResult['problem']> {
  for (;;) {
    const polled = yield* call(context, activities.pollOperation, { poller });
    if (polled.state === 'succeeded') return undefined;
    if (polled.state === 'failed')
      return polled.code === 'SCALE_SET_CONFLICT' ? undefined : { code: polled.code, message: polled.message };
    if (now(context) > deadline) return undefined; // the listing decides
    yield* sleep(context, polled.retryAfterMs);
  }
}
