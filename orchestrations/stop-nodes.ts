import type { NodeRole } from '../shared/model/node';
import { carryThrough, type Problem } from './carry-through';
import { activities, type OperationInput, type Selection, type StopInput } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { failedWith, type EndingBody } from './ending';
import { carryOut, publish } from './operation';
import { parkAgents } from './park-agents';

const POLL_MS = 10_000;
/** Machines that Azure has said to be off are listed so within minutes; one that is not is started by somebody again and again. */
const VERIFY_DEADLINE_MS = 30 * 60_000;

/** Stops the whole cluster, agents before masters, or parks the agents that are named. */
export function* stopNodes(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<StopInput>(context), stop);
}

function* stop(context: OrchestrationContext, input: StopInput): Workflow<EndingBody> {
  const { cluster, operationId, vmIds, deallocate } = input;
  const selected = yield* call(context, activities.selectNodes, { cluster, ...(vmIds ? { vmIds } : {}) });
  if (!vmIds) return yield* stopCluster(context, input, selected);
  const { agents, serving, limits } = selected;
  if (serving - agents.length < limits.min) {
    const message = `agents.min is ${limits.min}: of ${serving} agents at most ${Math.max(0, serving - limits.min)} can be stopped`;
    yield* call(context, activities.wishForServing, { cluster, operationId, atLeast: true }); // all of them stay
    throw failedWith({ code: 'INVALID_REQUEST', message });
  }
  const result = yield* parkAgents(context, input, { vmIds: agents, deallocate, wish: 'serving' });
  return { state: 'succeeded', result, phase: 'ready' };
}

/** After the first step there is no way back but a start: half a stopped cluster is of no use to anybody. */
function* stopCluster(
  context: OrchestrationContext,
  input: StopInput,
  { agents, masters, autoscale }: Selection,
): Workflow<EndingBody> {
  const { cluster, operationId, deallocate } = input;
  const operation = { cluster, operationId };
  yield* publish(context, operation, 'stopping agents', { done: 0, total: 3, unit: 'steps' });
  let problem: Problem | undefined;
  try {
    problem =
      (yield* switchAutoscale(context, operation, autoscale, false)) ?? (yield* allOff(context, operation, deallocate));
  } catch (error) {
    yield* switchAutoscale(context, operation, autoscale, true);
    throw error;
  }
  if (!problem)
    return { state: 'succeeded', result: { agents: agents.length, masters: masters.length }, phase: 'stopped' };
  yield* switchAutoscale(context, operation, autoscale, true);
  throw failedWith(problem);
}

function* allOff(
  context: OrchestrationContext,
  operation: OperationInput,
  deallocate: boolean,
): Workflow<Problem | undefined> {
  return (
    (yield* powerOff(context, operation, { role: 'agent', deallocate })) ??
    (yield* report(context, operation, 'stopping masters', 1)) ??
    (yield* powerOff(context, operation, { role: 'master', deallocate })) ??
    (yield* report(context, operation, 'waiting until every machine is off', 2)) ??
    (yield* verified(context, operation, deallocate))
  );
}

function* report(
  context: OrchestrationContext,
  { operationId }: OperationInput,
  phase: string,
  done: number,
): Workflow<undefined> {
  const progress = { done, total: 3, unit: 'steps' };
  yield* call(context, activities.reportProgress, { operationId, phase, progress });
  return undefined;
}

/** Azure's own autoscale would bring agents to a stopped cluster. */
export function* switchAutoscale(
  context: OrchestrationContext,
  operation: OperationInput,
  has: boolean,
  enabled: boolean,
): Workflow<Problem | undefined> {
  if (!has) return undefined;
  const outcome = yield* call(context, activities.setAutoscale, { ...operation, enabled });
  return outcome.ok ? undefined : { code: outcome.code, message: outcome.message };
}

function powerOff(
  context: OrchestrationContext,
  operation: OperationInput,
  how: { role: NodeRole; deallocate: boolean },
): Workflow<Problem | undefined> {
  return carryThrough(context, () => call(context, activities.stopMachines, { ...operation, ...how }));
}

/** Rows are parked only when Azure lists every machine as off; one that somebody started meanwhile is stopped again. */
function* verified(
  context: OrchestrationContext,
  operation: OperationInput,
  deallocate: boolean,
): Workflow<Problem | undefined> {
  const deadline = now(context) + VERIFY_DEADLINE_MS;
  for (;;) {
    const { on } = yield* call(context, activities.parkStopped, { ...operation, deallocate });
    if (on.length === 0) return undefined;
    if (now(context) > deadline)
      return { code: 'DEADLINE_EXCEEDED', message: `${on.length} machines are still on after 30 minutes` };
    yield* sleep(context, POLL_MS);
    const problem =
      (yield* powerOff(context, operation, { role: 'agent', deallocate })) ??
      (yield* powerOff(context, operation, { role: 'master', deallocate }));
    if (problem) return problem;
  }
}
