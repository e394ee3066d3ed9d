import { activities, type ConvergeInput, type OperationInput } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { failedWith, type EndingBody } from './ending';
import { carryOut, publish } from './operation';
import { resizeTo } from './resize-agents';
import { scaleTo } from './scale-cluster';
import { upgradeTo } from './upgrade-cluster';

const POLL_MS = 10_000;
/** What a template changes of a living cluster takes minutes; one that takes longer is not coming. */
const TEMPLATE_DEADLINE_MS = 40 * 60_000;

/** Brings a living cluster to its changed spec, the cheap and quick first: template, version, size, number of agents. */
export function* convergeCluster(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<ConvergeInput>(context), converge);
}

function* converge(context: OrchestrationContext, input: ConvergeInput): Workflow<EndingBody> {
  const { cluster, operationId, template, version, size, agents } = input;
  const operation = { cluster, operationId };
  if (template) yield* resubmit(context, operation);
  const upgraded = version === undefined ? {} : yield* upgradeTo(context, operation, version);
  const resized = size === undefined ? {} : yield* resizeTo(context, operation, size);
  const result = { ...upgraded, ...resized };
  if (agents === undefined) return { state: 'succeeded', result, phase: 'ready' };
  const ending = yield* scaleTo(context, { ...operation, agents });
  return { ...ending, result: { ...result, ...(ending.result as object) } };
}

function* resubmit(context: OrchestrationContext, operation: OperationInput): Workflow<void> {
  yield* publish(context, operation, 'submitting the template', { done: 0, total: 1, unit: 'templates' });
  const submitted = yield* call(context, activities.resubmitDeployment, operation);
  if (!submitted.ok) throw failedWith(submitted);
  yield* deployed(context, operation);
  // A template that names no autoscale leaves the setting that is there.
  const enabled = (yield* call(context, activities.selectNodes, { cluster: operation.cluster })).autoscale;
  const switched = yield* call(context, activities.setAutoscale, { ...operation, enabled });
  if (!switched.ok) throw failedWith(switched);
}

function* deployed(context: OrchestrationContext, operation: OperationInput): Workflow<void> {
  const deadline = now(context) + TEMPLATE_DEADLINE_MS;
  for (;;) {
    const polled = yield* call(context, activities.pollDeployment, operation);
    const { done, total } = polled;
    yield* publish(context, operation, 'deploying resources', { done, total, unit: 'resources' });
    if (polled.state === 'succeeded') return;
    if (polled.state === 'failed') throw failedWith(polled);
    if (now(context) > deadline)
      throw failedWith({ code: 'DEADLINE_EXCEEDED', message: 'Azure did not finish the deployment within 40 minutes' });
    yield* sleep(context, POLL_MS);
  }
}
