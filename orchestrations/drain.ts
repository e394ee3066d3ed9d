import { activities, type DrainPass, type OperationInput } from './contracts';
import { call, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import type { Problem } from './carry-through';

const POLL_MS = 5_000;
/** Pods that will not leave by then are cut off: what node autoscalers allow by default lies between 5 and 10 minutes. */
const DEADLINE_MS = 5 * 60_000;

interface Drained {
  /** False when whoever drains has to give way. */
  proceed: boolean;
  /** `namespace/name: reason` of pods that were still there at the deadline. */
  blocked: string[];
}

/**
 * Asks again and again until nothing is left or the deadline has passed. The last pass comes early enough to be over by the
 * deadline, however long it takes.
 */
export function* drainUntilDeadline(
  context: OrchestrationContext,
  pass: () => Workflow<Omit<DrainPass, 'held'>>,
): Workflow<Drained> {
  const deadline = now(context) + DEADLINE_MS;
  for (;;) {
    const { proceed, remaining, blocked } = yield* pass();
    if (!proceed || remaining === 0) return { proceed, blocked: [] };
    const leftMs = Math.max(0, deadline - now(context));
    const isLast = leftMs < 2 * POLL_MS;
    yield* sleep(context, isLast ? leftMs : POLL_MS);
    if (isLast) return { proceed, blocked };
  }
}

interface Draining {
  vmIds: string[];
  progress: { done: number; total: number; unit: string };
}

/** Takes work off agents that will come back, saying meanwhile what holds it up. A wish to cancel is heard. */
export function* drainAgents(
  context: OrchestrationContext,
  { cluster, operationId }: OperationInput,
  { vmIds, progress }: Draining,
): Workflow<{ blocked: string[]; problem?: Problem }> {
  let cancelled = false;
  const { proceed, blocked } = yield* drainUntilDeadline(context, function* () {
    const pass = yield* call(context, activities.evictAgents, { cluster, operationId, vmIds });
    const phase = `draining ${pass.held ?? 'agents'}`;
    const { cancelRequested } = yield* call(context, activities.reportProgress, { operationId, phase, progress });
    cancelled = cancelRequested;
    return cancelled ? { ...pass, proceed: false } : pass;
  });
  if (cancelled) return { blocked, problem: { code: 'CANCELLED', message: 'cancelled while draining agents' } };
  return proceed
    ? { blocked }
    : { blocked, problem: { code: 'CANCELLED', message: 'another operation has taken over' } };
}
