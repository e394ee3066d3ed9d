import { activities, type Ending, type PhaseView, type WorkloadInput, type WorkloadView } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { carryOut, publish } from './operation';

/** Pulling a large image over a slow line is done by then, and what is not is not coming. */
const ROLLOUT_DEADLINE_MS = 10 * 60_000;
/** Containers have half a minute to end; some ask for more. */
const REMOVAL_DEADLINE_MS = 5 * 60_000;
const LOOK_PAUSE_MS = 5_000;

type EndingBody = Omit<Ending, 'cluster' | 'operationId'>;

/** Follows a workload until it runs as asked, or is gone. Cancelled, it stops following; what was changed stays. */
export function* changeWorkload(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<WorkloadInput>(context), function* (_, input) {
    const ending = input.verb === 'remove' ? yield* remove(context, input) : yield* bringUp(context, input);
    const { phase, phaseReason }: PhaseView = yield* call(context, activities.readPhase, { cluster: input.cluster });
    return { ...ending, phase, phaseReason };
  });
}

function* bringUp(context: OrchestrationContext, input: WorkloadInput): Workflow<EndingBody> {
  const { cluster, name, verb, replicas = 0, operationId } = input;
  if (verb === 'scale') {
    const scaled = yield* call(context, activities.setReplicas, { cluster, name, replicas });
    if (!scaled.ok) return failed(scaled.code, scaled.message);
  }
  const wanted = verb === 'apply' ? { cluster, name, operationId } : { cluster, name };
  const deadline = now(context) + ROLLOUT_DEADLINE_MS;
  for (;;) {
    const view = yield* call(context, activities.viewWorkload, wanted);
    if (view.reachable && !view.applied)
      return failed('WORKLOAD_NOT_FOUND', `the change of ${name} was not made to its end; send the request again`);
    yield* publish(context, input, phaseOf(view), { done: view.ready, total: view.desired, unit: 'replicas' });
    if (view.reachable && view.ready >= view.desired) return succeeded(view);
    if (now(context) > deadline) return late(view);
    yield* sleep(context, LOOK_PAUSE_MS);
  }
}

function phaseOf({ reachable, problems }: WorkloadView): string {
  if (!reachable) return 'waiting for the engine';
  return problems.length > 0 ? `waiting for replicas: ${problems.join('; ')}` : 'waiting for replicas';
}

const succeeded = ({ desired, ready }: WorkloadView): EndingBody => ({
  state: 'succeeded',
  result: { replicas: { desired, ready } },
});

function late({ reachable, desired, ready, problems }: WorkloadView): EndingBody {
  const within = `${ROLLOUT_DEADLINE_MS / 60_000} minutes`;
  if (!reachable) return failed('ENGINE_UNREACHABLE', `the engine did not answer for ${within}`);
  const reasons = problems.length > 0 ? `: ${problems.join('; ')}` : '';
  const message = `${ready} of ${desired} replicas run after ${within}${reasons}`;
  return { ...failed('DEADLINE_EXCEEDED', message), result: { replicas: { desired, ready }, problems } };
}

function* remove(context: OrchestrationContext, input: WorkloadInput): Workflow<EndingBody> {
  const { cluster, name } = input;
  const deadline = now(context) + REMOVAL_DEADLINE_MS;
  for (let most = 0; ;) {
    const { left } = yield* call(context, activities.endWorkload, { cluster, name });
    if (left === 0) return { state: 'succeeded', result: { removed: name } };
    most = Math.max(most, left);
    const done = left < 0 ? 0 : most - left;
    yield* publish(context, input, 'waiting for replicas to end', { done, total: most, unit: 'objects' });
    if (now(context) > deadline) return failed('DEADLINE_EXCEEDED', `${name} was not gone after 5 minutes`);
    yield* sleep(context, LOOK_PAUSE_MS);
  }
}

const failed = (code: NonNullable<Ending['error']>['code'], message: string): EndingBody => ({
  state: 'failed',
  error: { code, message },
});
