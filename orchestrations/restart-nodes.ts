import { batchOf } from '../shared/model/batch';
import { carryThrough } from './carry-through';
import { activities, type OperationInput, type PowerInput } from './contracts';
import { call, inputOf, type OrchestrationContext, type Workflow } from './durable';
import { failedWith, type EndingBody } from './ending';
import { carryOut, publish } from './operation';
import { rollAgents } from './roll-agents';
import { waitUntilRenewed } from './wait-until-renewed';

/** Restarts agents in batches, or the nodes that are named: masters one at a time, and before the agents. */
export function* restartNodes(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<PowerInput>(context), restart);
}

function* restart(context: OrchestrationContext, input: PowerInput): Workflow<EndingBody> {
  const { cluster, operationId, vmIds } = input;
  const operation = { cluster, operationId };
  const selected = yield* call(context, activities.selectNodes, { cluster, ...(vmIds ? { vmIds } : {}) });
  const masters = vmIds ? selected.masters : [];
  const renewed: string[] = [];
  for (const [done, vmId] of masters.entries()) {
    yield* publish(context, operation, 'restarting masters', { done, total: masters.length, unit: 'masters' });
    renewed.push(yield* restartMaster(context, operation, { vmId, done, total: masters.length }));
  }
  const phase = 'restarting agents';
  const batch = batchOf(selected.serving);
  const rolled = yield* rollAgents(context, operation, { action: 'restart', vmIds: selected.agents, batch, phase });
  return { state: 'succeeded', result: { ...rolled, renewed: [...renewed, ...rolled.renewed] }, phase: 'ready' };
}

/** Returns its name. */
function* restartMaster(
  context: OrchestrationContext,
  operation: OperationInput,
  { vmId, done, total }: { vmId: string; done: number; total: number },
): Workflow<string> {
  const { nodes } = yield* call(context, activities.noteNodes, { cluster: operation.cluster, vmIds: [vmId] });
  const refusal = yield* carryThrough(context, () => call(context, activities.restartMaster, { ...operation, vmId }));
  if (refusal) throw failedWith(refusal);
  const progress = { done, total, unit: 'masters' };
  const awaited = { action: 'restart', nodes, phase: 'restarting masters', progress } as const;
  const { problem } = yield* waitUntilRenewed(context, operation, awaited);
  if (problem) throw failedWith(problem);
  return nodes[0]?.nodeName ?? vmId;
}
