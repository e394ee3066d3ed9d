import { JOIN_DEADLINE_MS } from '../shared/model/plan';
import type { Outcome } from '../shared/model/errors';
import {
  activities,
  orchestrations,
  type ClusterView,
  type DeployInput,
  type Ending,
  type OperationInput,
} from './contracts';
import { call, callChild, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { carryOut, OperationEnd, publish } from './operation';
import { lookPauseMs } from './pace';
import { waitForAgents } from './wait-for-agents';

/** A deployment's listing is cheap; people watch it. */
const POLL_MS = 10_000;
/** Azure may take that long over a scale set; a deployment that takes longer is not coming. */
const DEPLOY_DEADLINE_MS = 40 * 60_000;

/** Deploys a cluster from its row: groups, one ARM deployment, masters, agents. Submitting again converges. */
export function* deployCluster(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<DeployInput>(context), deploy);
}

function* deploy(context: OrchestrationContext, input: DeployInput): Workflow<Omit<Ending, 'cluster' | 'operationId'>> {
  const { cluster, operationId, only } = input;
  const operation = { cluster, operationId, ...(only ? { only } : {}) };
  yield* publish(context, operation, 'checking quota and names', { done: 0, total: 1, unit: 'checks' });
  for (const step of [activities.checkQuota, activities.prepareCluster, activities.submitDeployment]) {
    const outcome: Outcome<{ surplus?: string[] }> = yield* call(context, step, operation);
    if (!outcome.ok) throw failed(outcome);
    if (outcome.surplus) yield* retire(context, operation, outcome.surplus);
  }
  yield* waitForDeployment(context, operation);
  if (only) return { state: 'succeeded', phase: 'stored', result: { deployed: ['network', 'storage'] } };
  const masters = yield* waitForMasters(context, operation);
  const result = yield* waitForAgents(context, operation, masters.agents.desired, now(context) + JOIN_DEADLINE_MS);
  return result;
}

function* retire(context: OrchestrationContext, operation: OperationInput, vmIds: string[]): Workflow<void> {
  yield* publish(context, operation, 'draining agents', { done: 0, total: vmIds.length, unit: 'agents' });
  const input = { ...operation, vmIds, cause: operation.operationId, drain: true };
  const { problem } = yield* callChild(context, orchestrations.retireNodes, input);
  if (problem) throw failed(problem);
}

const failed = (refusal: {
  code: NonNullable<ConstructorParameters<typeof OperationEnd>[0]['error']>['code'];
  message: string;
}): OperationEnd =>
  new OperationEnd({
    state: 'failed',
    error: { code: refusal.code, message: refusal.message },
    phase: 'failed',
    phaseReason: refusal.message,
  });

function* waitForDeployment(context: OrchestrationContext, operation: DeployInput): Workflow<void> {
  const deadline = now(context) + DEPLOY_DEADLINE_MS;
  let nextLook = now(context);
  for (;;) {
    const polled = yield* call(context, activities.pollDeployment, operation);
    yield* publish(context, operation, 'deploying resources', {
      done: polled.done,
      total: polled.total,
      unit: 'resources',
    });
    if (polled.state === 'succeeded') return;
    if (polled.state === 'failed' && operation.only) throw failed(polled);
    if (polled.state === 'failed') yield* explainDeployment(context, operation, polled);
    if (now(context) > deadline)
      throw failed({ code: 'DEADLINE_EXCEEDED', message: 'Azure did not finish the deployment within 40 minutes' });
    if (!operation.only && now(context) >= nextLook) {
      // VMs boot before the deployment ends: those on record need no lookup of their own when they join.
      const view = yield* call(context, activities.observeCluster, {
        cluster: operation.cluster,
        cause: operation.operationId,
      });
      nextLook = now(context) + lookPauseMs(view.agents.desired);
    }
    yield* sleep(context, POLL_MS);
  }
}

/** A deployment that failed for want of capacity may still have brought some agents: says how many came. */
function* explainDeployment(
  context: OrchestrationContext,
  operation: OperationInput,
  problem: { code: NonNullable<ConstructorParameters<typeof OperationEnd>[0]['error']>['code']; message: string },
): Workflow<never> {
  const view = yield* call(context, activities.observeCluster, {
    cluster: operation.cluster,
    cause: operation.operationId,
  });
  const came = view.agents.provisioned;
  const message = `${problem.message} (${came} of ${view.agents.desired} agents came)`;
  const result = { agents: { wanted: view.agents.desired, came } };
  throw new OperationEnd({
    state: 'failed',
    error: { code: problem.code, message },
    result,
    phase: 'failed',
    phaseReason: message,
  });
}

function* waitForMasters(context: OrchestrationContext, operation: OperationInput): Workflow<ClusterView> {
  const deadline = now(context) + JOIN_DEADLINE_MS;
  for (;;) {
    const view = yield* call(context, activities.observeCluster, {
      cluster: operation.cluster,
      cause: operation.operationId,
    });
    yield* publish(context, operation, 'waiting for masters', {
      done: view.masters.ready,
      total: view.masters.desired,
      unit: 'masters',
    });
    if (view.masters.ready >= view.masters.desired) return view;
    if (now(context) > deadline) {
      const message = `${view.masters.ready} of ${view.masters.desired} masters became ready within 15 minutes`;
      throw failed({ code: 'NEVER_JOINED', message });
    }
    yield* sleep(context, lookPauseMs(view.agents.total));
  }
}
