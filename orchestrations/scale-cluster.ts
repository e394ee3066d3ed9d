import { JOIN_DEADLINE_MS } from '../shared/model/plan';
import type { Problem } from './carry-through';
import { activities, orchestrations, type ScaleInput } from './contracts';
import { call, callChild, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { failedWith, type EndingBody } from './ending';
import { carryOut, publish } from './operation';
import { lookPauseMs } from './pace';
import { parkAgents } from './park-agents';
import { waitForAgents } from './wait-for-agents';

/** Azure's failure must be explained within a minute of Azure knowing it, so the operation is asked more often than that. */
const POLL_MS = 10_000;
/** Somebody else's write on the scale set is over after that, or the operation says that it is not. */
const CONFLICT_ATTEMPTS = 30;
/** Azure may take that long over a write on a scale set. */
const GROW_DEADLINE_MS = 40 * 60_000;

/** Brings the number of agents to `agents`: up by parked agents and capacity, down by draining and deleting or parking. */
export function* scaleCluster(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<ScaleInput>(context), scaleTo);
}

export function* scaleTo(context: OrchestrationContext, input: ScaleInput): Workflow<EndingBody> {
  yield* publish(context, input, 'looking at the cluster', { done: 0, total: input.agents, unit: 'agents' });
  yield* call(context, activities.observeCluster, { cluster: input.cluster, cause: input.operationId });
  const { cluster, agents, reclaim } = input;
  const victims = yield* call(context, activities.pickVictims, { cluster, agents, ...(reclaim ? { reclaim } : {}) });
  const blocked = [...(yield* shrink(context, input, victims.vmIds)), ...(yield* park(context, input, victims.park))];
  yield* grow(context, input);
  const ending = yield* waitForAgents(context, input, agents, now(context) + JOIN_DEADLINE_MS);
  return blocked.length > 0 ? { ...ending, result: { ...(ending.result as object), blocked } } : ending;
}

/** Agents that are too many and kept. Returns what was cut off. */
function* park(context: OrchestrationContext, input: ScaleInput, vmIds: string[] = []): Workflow<string[]> {
  return (yield* parkAgents(context, input, { vmIds, deallocate: true, wish: 'asked' })).blocked;
}

/** Returns what was cut off. */
function* shrink(context: OrchestrationContext, input: ScaleInput, vmIds: string[]): Workflow<string[]> {
  if (vmIds.length === 0) return [];
  yield* publish(context, input, 'draining agents', { done: 0, total: vmIds.length, unit: 'agents' });
  const { cluster, operationId } = input;
  const retired = yield* callChild(context, orchestrations.retireNodes, {
    cluster,
    operationId,
    vmIds,
    cause: operationId,
    drain: true,
  });
  const { problem, left, blocked = [] } = retired;
  if (problem) throw failedWith(problem, { left, ...(blocked.length > 0 ? { blocked } : {}) });
  return blocked;
}

function* grow(context: OrchestrationContext, input: ScaleInput): Workflow<void> {
  const { cluster, operationId, agents } = input;
  for (let attempt = 1; ; attempt++) {
    const begun = yield* call(context, activities.growTo, { cluster, agents, operationId });
    const problem = begun.ok ? yield* watch(context, input, begun.poller) : begun;
    if (!problem && begun.ok && begun.more) continue; // parked agents first, then others
    if (!problem) return;
    if (problem.code !== 'SCALE_SET_CONFLICT' || attempt >= CONFLICT_ATTEMPTS) yield* explain(context, input, problem);
    yield* publish(context, input, 'waiting for another change of the scale set', {
      done: 0,
      total: agents,
      unit: 'agents',
    });
    yield* sleep(context, POLL_MS);
  }
}

/** Follows the write at Azure and the agents that come meanwhile. */
function* watch(
  context: OrchestrationContext,
  input: ScaleInput,
  poller: string | null,
): Workflow<Problem | undefined> {
  if (poller === null) return undefined;
  const deadline = now(context) + GROW_DEADLINE_MS;
  let nextLook = now(context);
  for (;;) {
    const polled = yield* call(context, activities.pollOperation, { poller });
    if (polled.state === 'succeeded') return undefined;
    if (polled.state === 'failed') return polled;
    if (now(context) > deadline)
      return { code: 'DEADLINE_EXCEEDED', message: 'Azure did not finish within 40 minutes' };
    if (now(context) >= nextLook) {
      const { agents } = yield* call(context, activities.observeCluster, {
        cluster: input.cluster,
        cause: input.operationId,
      });
      yield* publish(context, input, 'adding agents', { done: agents.ready, total: input.agents, unit: 'agents' });
      nextLook = now(context) + lookPauseMs(agents.total); // many agents are listed more slowly than the operation is asked
    }
    yield* sleep(context, POLL_MS);
  }
}

/** Azure will not give more: what came is the new wish, so that the reconcile does not ask for the rest for ever. */
function* explain(context: OrchestrationContext, input: ScaleInput, problem: Problem): Workflow<never> {
  const { cluster, operationId } = input;
  if (problem.code === 'CANCELLED') throw failedWith(problem); // the wish is no longer this operation's to change
  const view = yield* call(context, activities.observeCluster, { cluster, cause: operationId });
  const came = view.agents.provisioned;
  const message = `${problem.message} (${came} of ${input.agents} agents came)`;
  yield* call(context, activities.setDesiredAgents, { cluster, agents: came, cause: operationId, operationId });
  throw failedWith({ code: problem.code, message }, { agents: { wanted: input.agents, came } });
}
