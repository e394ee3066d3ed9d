import { activities, type RetireInput, type RetireResult } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { drainUntilDeadline } from './drain';

const POLL_MS = 10_000;
/** Terminate notices may hold a deletion up for 15 minutes; the deletion itself takes a few. */
const DELETE_DEADLINE_MS = 30 * 60_000;

/** Drains agents, deletes exactly their VMs in one call, sees them gone, and removes nodes and rows. A repeat goes on. */
export function* retireNodes(context: OrchestrationContext): Workflow<RetireResult> {
  const input = inputOf<RetireInput>(context);
  const { cluster, vmIds, cause } = input;
  const drained = yield* drain(context, input);
  if (!drained.proceed) return { removed: 0, left: vmIds };
  const blocked = drained.blocked.length > 0 ? { blocked: drained.blocked } : {};
  const problem = yield* deleted(context, input);
  if (problem) return { removed: 0, left: vmIds, ...blocked, problem };
  const deadline = now(context) + DELETE_DEADLINE_MS;
  for (;;) {
    const { left } = yield* call(context, activities.confirmGone, { cluster, vmIds, cause });
    if (left.length === 0) return { removed: vmIds.length, left: [], ...blocked };
    if (now(context) > deadline) {
      const message = `Azure still lists ${left.join(', ')} after 30 minutes`;
      return { removed: vmIds.length - left.length, left, ...blocked, problem: { code: 'DEADLINE_EXCEEDED', message } };
    }
    yield* sleep(context, POLL_MS);
  }
}

/** Says in the operation what holds it up. Does not proceed when automation has to give way to an operation. */
function* drain(context: OrchestrationContext, input: RetireInput): Workflow<{ proceed: boolean; blocked: string[] }> {
  const { proceed } = yield* call(context, activities.startDrain, input);
  if (!proceed || !input.drain) return { proceed, blocked: [] };
  const { operationId, vmIds } = input;
  const progress = { done: 0, total: vmIds.length, unit: 'agents' };
  return yield* drainUntilDeadline(context, function* () {
    const pass = yield* call(context, activities.drainPass, input);
    const phase = `draining ${pass.held ?? 'agents'}`;
    if (operationId && pass.held) yield* call(context, activities.reportProgress, { operationId, phase, progress });
    return pass;
  });
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
