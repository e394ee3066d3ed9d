import type { Action } from '../shared/model/plan';
import { activities, orchestrations, type ReconcileInput } from './contracts';
import { call, callChild, inputOf, sleep, type OrchestrationContext, type Workflow } from './durable';

/** Azure is through with a deletion that it has called over within a minute, or the next timer asks again. */
const GROW_ATTEMPTS = 6;
const GROW_PAUSE_MS = 10_000;

/** Requests that come while one reconcile runs are served by its further rounds; the next timer takes the rest. */
const MAX_ROUNDS = 3;
/** Compute takes four writes a minute per scale set: rounds are not closer than that. */
const ROUND_PAUSE_MS = 15_000;

/** Looks once at Azure, registry and engine, and acts on the difference; again when somebody asked meanwhile. */
export function* reconcileCluster(context: OrchestrationContext): Workflow<void> {
  const input = inputOf<ReconcileInput>(context);
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const { actions } = yield* call(context, activities.planRepairs, input);
    for (const action of retirementsFirst(actions)) yield* act(context, input, action);
    const { again } = yield* call(context, activities.endReconcile, { cluster: input.cluster });
    if (!again) return;
    yield* sleep(context, ROUND_PAUSE_MS);
  }
}

type Retirement = Extract<Action, { kind: 'retire' }>;
const isRetirement = (action: Action): action is Retirement => action.kind === 'retire';

/** A removal takes minutes, so serving agents are retired first and together: later they might be the wrong ones. */
function retirementsFirst(actions: Action[]): Action[] {
  const retirements = actions.filter(isRetirement);
  const rest = actions.filter((action) => !isRetirement(action));
  const [first] = retirements;
  const missed = retirements.find((action) => action.missed !== undefined)?.missed;
  return first ? [{ ...first, missed, vmIds: retirements.flatMap(({ vmIds }) => vmIds) }, ...rest] : rest;
}

/** Begins what the plan says. What Azure refuses is written down by the activity and comes again with the next plan. */
function* act(context: OrchestrationContext, { cluster, cause }: ReconcileInput, action: Action): Workflow<void> {
  switch (action.kind) {
    case 'retire':
    case 'replace':
      yield* callChild(context, orchestrations.retireNodes, {
        cluster,
        cause,
        vmIds: action.vmIds,
        drain: action.kind === 'retire',
      });
      if (action.missed !== undefined) yield* growAgain(context, cluster, action.missed);
      return;
    case 'start':
    case 'restart':
      yield* call(context, activities.powerAgents, {
        cluster,
        verb: action.kind,
        vmIds: action.vmIds,
        reason: action.reason,
      });
      return;
    case 'startMaster':
      yield* call(context, activities.startMaster, { cluster, name: action.name, reason: action.reason });
      return;
    case 'grow':
      yield* call(context, activities.growTo, { cluster, agents: action.agents });
      return;
    case 'adopt':
      yield* call(context, activities.setDesiredAgents, { cluster, agents: action.agents, cause: action.reason });
  }
}

/** At once: to the next plan the smaller capacity would look like somebody's wish. */
function* growAgain(context: OrchestrationContext, cluster: string, agents: number): Workflow<void> {
  for (let attempt = 1; attempt <= GROW_ATTEMPTS; attempt++) {
    const begun = yield* call(context, activities.growTo, { cluster, agents });
    if (begun.ok || begun.code !== 'SCALE_SET_CONFLICT') return;
    yield* sleep(context, GROW_PAUSE_MS);
  }
}
