import { JOIN_DEADLINE_MS } from '../shared/model/plan';
import type { NodeBefore, Renewal } from '../shared/model/renewal';
import type { Problem } from './carry-through';
import { activities, type OperationInput, type RenewedView } from './contracts';
import { call, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { lookPauseMs } from './pace';

export interface Awaited {
  action: Renewal;
  nodes: NodeBefore[];
  /** What the operation shows meanwhile; `progress.done` counts what was done before. */
  phase: string;
  progress: { done: number; total: number; unit: string };
}

/** vmIds of those that are back. */
export interface Arrival {
  done: string[];
  problem?: Problem;
}

/**
 * Watches nodes come back, each with another boot or generation; starts again what is off. A machine that is gone is no
 * problem of whoever renews it: the reconcile makes another.
 */
export function* waitUntilRenewed(
  context: OrchestrationContext,
  { cluster, operationId }: OperationInput,
  { action, nodes, phase, progress }: Awaited,
): Workflow<Arrival> {
  const deadline = now(context) + JOIN_DEADLINE_MS;
  for (;;) {
    const view = yield* call(context, activities.lookAtRenewed, { cluster, cause: operationId, action, nodes });
    const done = progress.done + view.ready.length;
    yield* call(context, activities.reportProgress, { operationId, phase, progress: { ...progress, done } });
    if (view.waiting.length === 0 && !view.failed) return { done: view.ready };
    if (view.waiting.length === 0 || now(context) > deadline)
      return { done: view.ready, problem: notBack(nodes.length, view) };
    if (view.stopped) {
      const reason = 'their virtual machines are stopped';
      const input = { cluster, operationId, verb: 'start', vmIds: view.stopped, reason } as const;
      yield* call(context, activities.powerAgents, input);
    }
    yield* sleep(context, lookPauseMs(view.agents));
  }
}

function notBack(wanted: number, { ready, waiting, problems }: RenewedView): Problem {
  const late = waiting.length > 0 ? ' within 15 minutes' : '';
  const message = `${ready.length} of ${wanted} nodes came back${late}: ${problems.join('; ')}`;
  return { code: 'NEVER_JOINED', message };
}
