import { batchOf } from '../shared/model/batch';
import { carryThrough } from './carry-through';
import { activities, type OperationInput, type ResizeInput } from './contracts';
import { call, inputOf, type OrchestrationContext, type Workflow } from './durable';
import { failedWith, type EndingBody } from './ending';
import { carryOut, publish } from './operation';
import { rollAgents, type Rolled } from './roll-agents';

/** Gives agents another VM size. */
export function* resizeAgents(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<ResizeInput>(context), resize);
}

function* resize(context: OrchestrationContext, { cluster, operationId, size }: ResizeInput): Workflow<EndingBody> {
  const result = yield* resizeTo(context, { cluster, operationId }, size);
  return { state: 'succeeded', result, phase: 'ready' };
}

/** Parked agents keep the old size until they are started and the cluster is resized again; absent when there is none. */
type Resized = Rolled & { parked?: number };

/** Writes the size into the model and the spec, then renews those agents that have another: begun again, it goes on. */
export function* resizeTo(context: OrchestrationContext, operation: OperationInput, size: string): Workflow<Resized> {
  yield* publish(context, operation, 'changing the size of agents', { done: 0, total: 1, unit: 'steps' });
  const refusal = yield* carryThrough(context, () => call(context, activities.setAgentSize, { ...operation, size }));
  if (refusal) throw failedWith(refusal);
  const { vmIds, parked } = yield* call(context, activities.noteAgentSize, { ...operation, size });
  const batch = batchOf(vmIds.length);
  const roll = { action: 'resize', vmIds, batch, phase: 'resizing agents' } as const;
  return { ...(yield* rollAgents(context, operation, roll)), ...(parked ? { parked } : {}) };
}
