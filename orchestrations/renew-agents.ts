import type { NodeBefore } from '../shared/model/renewal';
import { carryThrough, type Problem } from './carry-through';
import { activities, type RenewInput, type RenewResult } from './contracts';
import { call, inputOf, type OrchestrationContext, type Workflow } from './durable';
import { drainAgents } from './drain';
import { waitUntilRenewed } from './wait-until-renewed';

/** Renews one batch: drains, lets Azure act, sees the nodes ready again; whatever happens, their work may come back. */
export function* renewAgents(context: OrchestrationContext): Workflow<RenewResult> {
  const input = inputOf<RenewInput>(context);
  const { cluster, operationId, vmIds } = input;
  let course: Course;
  try {
    course = yield* renew(context, input);
  } catch (error) {
    yield* call(context, activities.releaseAgents, { cluster, operationId, vmIds });
    throw error;
  }
  const { names } = yield* call(context, activities.releaseAgents, { cluster, operationId, vmIds });
  return { ...course, left: vmIds.filter((vmId) => !course.done.includes(vmId)), names };
}

interface Course {
  done: string[];
  blocked: string[];
  problem?: Problem;
}

function* renew(context: OrchestrationContext, input: RenewInput): Workflow<Course> {
  const { cluster, vmIds, action, phase, progress } = input;
  const { nodes } = yield* call(context, activities.noteNodes, { cluster, vmIds });
  const { blocked, problem } = yield* drainAgents(context, input, { vmIds, progress });
  if (problem) return { done: [], blocked, problem };
  const refusal = yield* act(context, input, nodes);
  if (refusal) return { done: [], blocked, problem: refusal };
  return { blocked, ...(yield* waitUntilRenewed(context, input, { action, nodes, phase, progress })) };
}

function* act(
  context: OrchestrationContext,
  { cluster, operationId, action, phase, progress }: RenewInput,
  nodes: NodeBefore[],
): Workflow<Problem | undefined> {
  yield* call(context, activities.reportProgress, { operationId, phase, progress }); // the last one spoke of the drain
  return yield* carryThrough(context, () =>
    call(context, activities.renewMachines, { cluster, operationId, action, nodes }),
  );
}
