import { activities, type Ending, type OperationInput } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { carryOut, publish } from './operation';

/** Many workloads restart beside each other, each in steps of a quarter. */
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
  const { restarted } = yield* call(context, activities.restartUneven, { cluster, mark: operationId });
  const deadline = now(context) + DEADLINE_MS;
  for (;;) {
    const { waiting } = yield* call(context, activities.viewRollouts, { cluster, names: restarted });
    const progress = { done: restarted.length - waiting.length, total: restarted.length, unit: 'workloads' };
    yield* publish(context, input, 'waiting for restarted pods', progress);
    if (waiting.length === 0) return { state: 'succeeded', result: { restarted } };
    if (now(context) > deadline) return late(restarted, waiting);
    yield* sleep(context, LOOK_PAUSE_MS);
  }
}

function late(restarted: string[], waiting: string[]): EndingBody {
  const message = `${waiting.length} of ${restarted.length} workloads do not run again after 15 minutes: ${waiting.slice(0, 5).join(', ')}`;
  return { state: 'failed', error: { code: 'DEADLINE_EXCEEDED', message }, result: { restarted, waiting } };
}
