import { activities, type ClusterView, type Ending, type OperationInput } from './contracts';
import { call, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { publish } from './operation';
import { lookPauseMs } from './pace';

/** Watches agents become ready. Ends the operation with what came when all that can come has, or at the deadline. */
export function* waitForAgents(
  context: OrchestrationContext,
  operation: OperationInput,
  wanted: number,
  deadline: number,
): Workflow<Omit<Ending, 'cluster' | 'operationId'>> {
  for (;;) {
    const view = yield* call(context, activities.observeCluster, {
      cluster: operation.cluster,
      cause: operation.operationId,
    });
    yield* publish(context, operation, 'waiting for agents', {
      done: view.agents.ready,
      total: wanted,
      unit: 'agents',
    });
    if (view.agents.ready >= wanted) return succeeded(view, wanted);
    const nothingMoreComes = view.agents.failed > 0 && view.agents.ready + view.agents.failed >= wanted;
    if (nothingMoreComes || now(context) > deadline) return short(view, wanted);
    yield* keepUp(context, operation, view, wanted);
    yield* sleep(context, lookPauseMs(view.agents.total));
  }
}

/** The reconcile gives way to operations, so what breaks meanwhile is the operation's to mend: VMs off, VMs gone. */
export function* keepUp(
  context: OrchestrationContext,
  operation: OperationInput,
  view: ClusterView,
  wanted: number,
): Workflow<void> {
  const { cluster, operationId } = operation;
  if (view.stopped) {
    const reason = 'their virtual machines are stopped';
    yield* call(context, activities.powerAgents, { cluster, operationId, verb: 'start', vmIds: view.stopped, reason });
  }
  if (view.agents.total < wanted && !view.scaleSetBusy) {
    // What Azure refuses is seen at the next look: failed agents, or still too few at the deadline.
    yield* call(context, activities.growTo, { cluster, operationId, agents: wanted });
  }
}

function succeeded(view: ClusterView, wanted: number): Omit<Ending, 'cluster' | 'operationId'> {
  return { state: 'succeeded', result: { agents: { wanted, came: view.agents.ready } }, phase: 'ready' };
}

function short(view: ClusterView, wanted: number): Omit<Ending, 'cluster' | 'operationId'> {
  const came = view.agents.ready;
  const reasons = view.problems.length > 0 ? `: ${view.problems.join('; ')}` : '';
  const message = `${came} of ${wanted} agents became ready${reasons}`;
  const result = { agents: { wanted, came }, problems: view.problems };
  return { state: 'failed', error: { code: 'NEVER_JOINED', message }, result, phase: 'degraded', phaseReason: message };
}
