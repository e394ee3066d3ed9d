import { JOIN_DEADLINE_MS } from '../shared/model/plan';
import type { NodeBefore } from '../shared/model/renewal';
import { carryThrough, type Problem } from './carry-through';
import { activities, type OperationInput, type PowerInput, type Selection } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { failedWith, type EndingBody } from './ending';
import { carryOut, OperationEnd, publish } from './operation';
import { lookPauseMs } from './pace';
import { switchAutoscale } from './stop-nodes';
import { waitUntilRenewed } from './wait-until-renewed';

/** Starts the whole cluster, masters before agents, or the agents that are named. The wish is what serves then. */
export function* startNodes(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<PowerInput>(context), start);
}

function* start(context: OrchestrationContext, { cluster, operationId, vmIds }: PowerInput): Workflow<EndingBody> {
  const operation = { cluster, operationId };
  const selected = yield* call(context, activities.selectNodes, { cluster, ...(vmIds ? { vmIds } : {}) });
  const { parked, serving, limits } = selected;
  if (vmIds && serving + parked.length > limits.max) {
    const message = `agents.max is ${limits.max}, and ${serving} agents serve already`;
    throw failedWith({ code: 'INVALID_REQUEST', message });
  }
  yield* firstStep(context, operation, selected);
  if (!vmIds || selected.masters.length > 0) yield* startMasters(context, operation, selected);
  const { result, problem } = yield* startAgents(context, operation, [...parked, ...selected.agents]);
  const unswitched = vmIds ? undefined : yield* switchAutoscale(context, operation, selected.autoscale, true);
  if (problem ?? unswitched) throw failedWith((problem ?? unswitched)!, result);
  return { state: 'succeeded', result, phase: 'ready' };
}

/** Before anything was started, a cluster whose start is cancelled is as stopped as it was. */
function* firstStep(
  context: OrchestrationContext,
  operation: OperationInput,
  { isStopped, parked }: Selection,
): Workflow<void> {
  try {
    yield* publish(context, operation, 'starting machines', { done: 0, total: parked.length, unit: 'agents' });
  } catch (error) {
    if (error instanceof OperationEnd && isStopped) throw new OperationEnd({ ...error.ending, phase: 'stopped' });
    throw error;
  }
}

/** When they do not come, automation is left with what there is: Azure's own autoscale as well. */
function* startMasters(
  context: OrchestrationContext,
  operation: OperationInput,
  { masters, autoscale }: Selection,
): Workflow<void> {
  const problem =
    (yield* carryThrough(context, () =>
      call(context, activities.startMachines, { ...operation, role: 'master', vmIds: masters }),
    )) ?? (yield* mastersAnswer(context, operation));
  if (!problem) return;
  yield* switchAutoscale(context, operation, autoscale, true);
  throw failedWith(problem);
}

function* mastersAnswer(context: OrchestrationContext, operation: OperationInput): Workflow<Problem | undefined> {
  const { cluster, operationId } = operation;
  const deadline = now(context) + JOIN_DEADLINE_MS;
  for (;;) {
    const { masters, engineReachable, agents } = yield* call(context, activities.observeCluster, {
      cluster,
      cause: operationId,
    });
    const progress = { done: masters.ready, total: masters.desired, unit: 'masters' };
    yield* call(context, activities.reportProgress, { operationId, phase: 'waiting for masters', progress });
    if (masters.ready >= masters.desired) return undefined;
    if (now(context) > deadline) {
      if (engineReachable) return undefined; // a quorum is enough for the agents; the reconcile says which master is missing
      const message = `${masters.ready} of ${masters.desired} masters became ready within 15 minutes`;
      return { code: 'NEVER_JOINED', message };
    }
    yield* sleep(context, lookPauseMs(agents.total));
  }
}

interface Started {
  result: { agents: { wanted: number; came: number } };
  problem?: Problem;
}

/** Sees each ready after another boot: just after a stop the engine still takes nodes for ready that are not. */
function* startAgents(context: OrchestrationContext, operation: OperationInput, vmIds: string[]): Workflow<Started> {
  const { cluster } = operation;
  const { nodes } = yield* call(context, activities.noteNodes, { cluster, vmIds });
  const started = new Set<string>();
  const refusal = yield* carryThrough(context, function* () {
    const begun = yield* call(context, activities.startMachines, { ...operation, role: 'agent', vmIds });
    if (begun.ok) for (const vmId of begun.started) started.add(vmId);
    return begun;
  });
  const before = nodes.map((node) => (started.has(node.vmId) ? node : { ...node, bootId: '' }));
  const problem = refusal ?? (yield* arrived(context, operation, before));
  // What is off although it was to be started is parked again, so that nobody takes it for broken.
  if (problem) yield* call(context, activities.parkStopped, { ...operation, vmIds, deallocate: false, partly: true });
  yield* call(context, activities.releaseAgents, { ...operation, vmIds });
  const { agents } = yield* call(context, activities.wishForServing, { ...operation, atLeast: true });
  const result = { agents: { wanted: vmIds.length, came: Math.min(agents, vmIds.length) } };
  return { result, ...(problem ? { problem } : {}) };
}

function* arrived(context: OrchestrationContext, operation: OperationInput, nodes: NodeBefore[]) {
  const progress = { done: 0, total: nodes.length, unit: 'agents' };
  const awaited = { action: 'start', nodes, phase: 'waiting for agents', progress } as const;
  return (yield* waitUntilRenewed(context, operation, awaited)).problem;
}
