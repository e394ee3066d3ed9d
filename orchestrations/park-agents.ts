import { carryThrough, type Problem } from './carry-through';
import { activities, type OperationInput } from './contracts';
import { call, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { drainAgents } from './drain';
import { failedWith } from './ending';
import { publish } from './operation';

const POLL_MS = 10_000;
/** Azure lists as off within minutes what it has said to be off. */
const OFF_DEADLINE_MS = 30 * 60_000;

export interface Parked {
  parked: number;
  /** `namespace/name: reason` of pods that were cut off at the drain deadline. */
  blocked: string[];
}

/**
 * Drains agents, powers their machines off, and parks them; the wish is never more than what serves then, except when it was
 * `asked` for. Ends the operation when not all of them went: those that did are parked all the same, so that nobody takes
 * them for broken, and the others take work again, and are wished for again.
 */
export function* parkAgents(
  context: OrchestrationContext,
  { cluster, operationId }: OperationInput,
  { vmIds, deallocate, wish }: { vmIds: string[]; deallocate: boolean; wish: 'asked' | 'serving' },
): Workflow<Parked> {
  const operation = { cluster, operationId };
  if (vmIds.length === 0) return { parked: 0, blocked: [] };
  const progress = { done: 0, total: vmIds.length, unit: 'agents' };
  yield* publish(context, operation, 'draining agents', progress);
  let blocked: string[] = [];
  let problem: Problem | undefined;
  try {
    const drained = yield* drainAgents(context, operation, { vmIds, progress });
    blocked = drained.blocked;
    problem = drained.problem ?? (yield* switchedOff(context, operation, { vmIds, deallocate, progress }));
  } catch (error) {
    yield* settle(context, operation, vmIds);
    throw error;
  }
  if (problem) {
    const parked = yield* settle(context, operation, vmIds);
    throw failedWith(problem, { parked, blocked });
  }
  yield* call(context, activities.wishForServing, { ...operation, atMost: true, atLeast: wish === 'asked' });
  return { parked: vmIds.length, blocked };
}

interface Off {
  vmIds: string[];
  deallocate: boolean;
  progress: { done: number; total: number; unit: string };
}

function* switchedOff(
  context: OrchestrationContext,
  operation: OperationInput,
  { vmIds, deallocate, progress }: Off,
): Workflow<Problem | undefined> {
  const { operationId } = operation;
  yield* call(context, activities.reportProgress, { operationId, phase: 'stopping agents', progress });
  const deadline = now(context) + OFF_DEADLINE_MS;
  for (;;) {
    const problem = yield* carryThrough(context, () =>
      call(context, activities.stopMachines, { ...operation, role: 'agent', vmIds, deallocate }),
    );
    if (problem) return problem;
    const { on } = yield* call(context, activities.parkStopped, { ...operation, vmIds, deallocate });
    if (on.length === 0) return undefined;
    if (now(context) > deadline)
      return { code: 'DEADLINE_EXCEEDED', message: `${on.length} machines are still on after 30 minutes` };
    yield* sleep(context, POLL_MS);
  }
}

/** Brings rows and wish to what has come of it: else the reconcile would remove as many as did not go. Returns how many are parked. */
function* settle(context: OrchestrationContext, operation: OperationInput, vmIds: string[]): Workflow<number> {
  const input = { ...operation, vmIds, deallocate: false, partly: true };
  const { on } = yield* call(context, activities.parkStopped, input);
  yield* call(context, activities.wishForServing, { ...operation, atLeast: true });
  yield* call(context, activities.releaseAgents, { ...operation, vmIds });
  return vmIds.length - on.length;
}
