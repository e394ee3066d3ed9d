import { activities, type ReimageInput } from './contracts';
import { call, inputOf, type OrchestrationContext, type Workflow } from './durable';
import type { EndingBody } from './ending';
import { carryOut } from './operation';
import { rollAgents } from './roll-agents';

/** Gives agents an empty disk and a new name, one at a time or all at once. */
export function* reimageNodes(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<ReimageInput>(context), reimage);
}

function* reimage(context: OrchestrationContext, input: ReimageInput): Workflow<EndingBody> {
  const { cluster, operationId, order, vmIds } = input;
  const { agents } = yield* call(context, activities.selectNodes, { cluster, ...(vmIds ? { vmIds } : {}) });
  const batch = order === 'serial' ? 1 : Math.max(1, agents.length);
  const roll = { action: 'reimage', vmIds: agents, batch, phase: 'reimaging agents' } as const;
  const result = yield* rollAgents(context, { cluster, operationId }, roll);
  return { state: 'succeeded', result, phase: 'ready' };
}
