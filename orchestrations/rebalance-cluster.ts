import { activities, type Ending, type OperationInput } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { carryOut, publish } from './operation';

/** Many workloads restart beside each other, each in steps of a quarter; where one comes after the other, each has as long. */
const DEADLINE_MS = 15 * 60_000;
const LOOK_PAUSE_MS = 5_000;

type EndingBody = Omit<Ending, 'cluster' | 'operationId'>;

/** Restarts, rolling, what is spread unevenly over the agents, and waits until all of it runs again. */
export function* rebalanceCluster(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<OperationInput>(context), function* (_, input) {
    const ending = yield* rebalance(context, input);
    const { phase, phaseReason } = yield* call(context, activities.readPhase, { cluster: input.cluster });
    return { ...ending, phase, phaseReason };
  });
}

function* rebalance(context: OrchestrationContext, input: OperationInput): Workflow<EndingBody> {
  const { cluster, operationId } = input;
  yield* publish(context, input, 'looking for what is spread unevenly', { done: 0, total: 1, unit: 'workloads' });
  for (;;) {
    const { restarted, goesOn } = yield* call(context, activities.restartUneven, { cluster, mark: operationId });
    const waiting = yield* waitForRollouts(context, input, restarted);
    if (waiting.length > 0) return late(restarted, waiting);
    if (!goesOn) return { state: 'succeeded', result: { restarted } };
  }
}

/** Returns those that do not run again at the deadline. */
function* waitForRollouts(
  context: OrchestrationContext,
  input: OperationInput,
  restarted: string[],
): Workflow<string[]> {
  const deadline = now(context) + DEADLINE_MS;
  for (;;) {
    const { waiting } = yield* call(context, activities.viewRollouts, { cluster: input.cluster, names: restarted });
    const progress = { done: restarted.length - waiting.length, total: restarted.length, unit: 'workloads' };
    yield* publish(context, input, 'waiting for restarted workloads', progress);
    if (waiting.length === 0 || now(context) > deadline) return waiting;
    yield* sleep(context, LOOK_PAUSE_MS);
  }
}

function late(restarted: string[], waiting: string[]): EndingBody {
  const message = `${waiting.length} of ${restarted.length} workloads do not run again after 15 minutes: ${waiting.slice(0, 5).join(', ')}`;
  return { state: 'failed', error: { code: 'DEADLINE_EXCEEDED', message }, result: { restarted, waiting } };
}
