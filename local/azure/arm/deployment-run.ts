import type { Core } from '../core';
import { isObject, objectAt, textAt, type JsonObject } from '../json';
import type { Engine } from './engine';
import { ArmError, asArmError, type ErrorBody } from './errors';
import { evaluate, ExpressionError, type Scope } from './expressions';
import type { Groups } from './groups';
import { groupId, keyOf } from './ids';
import { deploymentScope } from './deployment-scope';
import type { Operation } from './operations';
import { NESTED, planTemplate, resolveParameters, type Planned } from './template';

export interface Step extends Planned {
  operationId: string;
  state: 'Waiting' | 'Running' | 'Succeeded' | 'Failed' | 'Canceled';
  startedAt?: number;
  endedAt?: number;
  error?: ErrorBody;
}

export interface Deployment {
  id: string;
  name: string;
  resourceGroup: string;
  state: 'Running' | 'Succeeded' | 'Failed' | 'Canceled';
  template: JsonObject;
  /** Values, secure ones too; those are forgotten when the deployment has ended. */
  parameters: JsonObject;
  startedAt: number;
  endedAt?: number;
  correlationId: string;
  tags?: JsonObject;
  operation: string;
  steps: Step[];
  outputs?: JsonObject;
  error?: ErrorBody;
}

/** What a template asks for, checked and ordered. */
export interface Submission {
  id: string;
  name: string;
  resourceGroup: string;
  template: JsonObject;
  parameters: JsonObject;
  /** Of the deployment itself. */
  tags?: JsonObject;
  steps: Planned[];
}

export interface DeploymentRuns {
  get(resourceGroup: string, name: string): Deployment | undefined;
  list(resourceGroup: string): Deployment[];
  /** Checks a template as Azure does before anything is created. */
  prepare(resourceGroup: string, name: string, body: JsonObject): Submission;
  begin(submission: Submission): Deployment;
  cancel(deployment: Deployment): void;
  forgetGroup(resourceGroup: string): void;
}

const COLLECTION = 'deployments';
const FINISHED = 'deployment-step';

export function createDeploymentRuns(core: Core, engine: Engine, groups: Groups): DeploymentRuns {
  const { store, clock, operations, chance } = core;
  const keyFor = (group: string, name: string): string => `${group}/${name}`.toLowerCase();
  const save = (deployment: Deployment): void =>
    store.put(COLLECTION, keyFor(deployment.resourceGroup, deployment.name), deployment);
  const get = (group: string, name: string): Deployment | undefined =>
    store.get<Deployment>(COLLECTION, keyFor(group, name));

  const scope = (deployment: Deployment): Scope => deploymentScope({ core, engine, groups }, deployment);

  const change = (deployment: Deployment, step: Step, changes: Partial<Step>): Deployment => {
    const latest = get(deployment.resourceGroup, deployment.name) ?? deployment;
    const steps = latest.steps.map((one) => (one.operationId === step.operationId ? { ...one, ...changes } : one));
    const next = { ...latest, steps };
    save(next);
    return next;
  };

  const begin = (submission: Submission): Deployment => {
    const operation = operations.begin({
      resourceId: submission.id,
      location: groups.find(submission.resourceGroup)?.location ?? '',
      event: { kind: 'Write', subject: submission.id, operationName: `${NESTED}/write`, method: 'PUT' },
    });
    const deployment: Deployment = {
      ...submission,
      state: 'Running',
      startedAt: clock.now(),
      correlationId: chance.guid(`correlation/${operation.id}`),
      operation: operation.id,
      steps: submission.steps.map((planned, index) => ({
        ...planned,
        state: 'Waiting',
        operationId: stepId(operation.id, index),
      })),
    };
    save(deployment);
    advance(deployment);
    return get(deployment.resourceGroup, deployment.name) ?? deployment;
  };

  /** Starts whatever may start now, and ends the deployment when nothing runs any more. */
  const advance = (from: Deployment): void => {
    let deployment = from;
    for (const step of deployment.steps) {
      if (deployment.state !== 'Running' || step.state !== 'Waiting' || !isReady(step, deployment)) continue;
      deployment = start(deployment, step);
    }
    if (deployment.state !== 'Running') return;
    if (deployment.steps.some((step) => step.state === 'Running')) return;
    if (deployment.steps.some((step) => step.state === 'Waiting' && isReady(step, deployment)))
      return advance(deployment);
    conclude(deployment);
  };

  const start = (deployment: Deployment, step: Step): Deployment => {
    const running = change(deployment, step, { state: 'Running', startedAt: clock.now() });
    try {
      const operation = step.type === NESTED ? startNested(running, step) : startResource(running, step);
      const then = {
        kind: FINISHED,
        payload: { group: deployment.resourceGroup, name: deployment.name, step: step.operationId },
      };
      if (operation.status === 'InProgress')
        operations.update({ ...(operations.get(operation.id) ?? operation), then });
      else return change(running, step, ended(operation));
    } catch (error) {
      const failure =
        error instanceof ExpressionError ? { code: 'InvalidTemplate', message: error.message } : asArmError(error).body;
      return change(running, step, { state: 'Failed', endedAt: clock.now(), error: failure });
    }
    return get(deployment.resourceGroup, deployment.name) ?? running;
  };

  const startResource = (deployment: Deployment, step: Step): Operation => {
    const type = engine.types.find(step.type);
    if (!type) throw new ArmError(400, 'InvalidResourceType', `The resource type '${step.type}' is not known.`);
    groups.writable(step.resourceGroup);
    const body = evaluate(withoutEnvelope(step.source), scope(deployment)) as JsonObject;
    return engine.write({ method: 'PUT', id: step.id, type, resourceGroup: step.resourceGroup, body }).operation;
  };

  const startNested = (deployment: Deployment, step: Step): Operation => {
    const outer = scope(deployment);
    const source = objectAt(step.source, 'properties');
    const body = step.inner
      ? { properties: { ...source, parameters: evaluate(source.parameters ?? {}, outer) } }
      : { properties: evaluate(source, outer) as JsonObject };
    groups.writable(step.resourceGroup);
    const child = begin(prepare(step.resourceGroup, step.name, body));
    const operation = operations.get(child.operation);
    if (!operation) throw new Error(`the operation of ${child.id} is not stored`);
    return operation;
  };

  const ended = (operation: Operation): Partial<Step> =>
    operation.status === 'Succeeded'
      ? { state: 'Succeeded', endedAt: clock.now() }
      : {
          state: operation.status === 'Canceled' ? 'Canceled' : 'Failed',
          endedAt: clock.now(),
          error: failureOf(operation),
        };

  operations.onFinished(FINISHED, ({ group, name, step }: { group: string; name: string; step: string }, operation) => {
    const deployment = get(group, name);
    const found = deployment?.steps.find((one) => one.operationId === step);
    if (deployment && found?.state === 'Running') advance(change(deployment, found, ended(operation)));
  });

  const conclude = (deployment: Deployment): void => {
    const failures = deployment.steps.flatMap((step) => (step.error ? [step.error] : []));
    let error = failures.length > 0 ? deploymentFailed(failures) : undefined;
    let outputs: JsonObject = {};
    try {
      if (!error) outputs = outputsOf(deployment, scope(deployment));
    } catch (problem) {
      error = {
        code: 'DeploymentFailed',
        message: 'The deployment outputs could not be evaluated.',
        details: [{ code: 'DeploymentOutputEvaluationFailed', message: (problem as Error).message }],
      };
    }
    save({
      ...deployment,
      state: error ? 'Failed' : 'Succeeded',
      endedAt: clock.now(),
      outputs,
      error,
      parameters: forgetSecrets(deployment),
    });
    operations.finish(deployment.operation, error);
  };

  const prepare = (resourceGroup: string, name: string, body: JsonObject): Submission => {
    const template = objectAt(body, 'properties.template');
    const bare = deploymentScope(
      { core, engine, groups },
      { resourceGroup, name, template, parameters: {}, steps: [] },
    );
    const parameters = resolveParameters(template, objectAt(body, 'properties.parameters'), bare);
    const steps = planTemplate(template, { ...bare, parameters }, engine.types);
    const id = `${groupId(core.settings.subscriptionId, resourceGroup)}/providers/${NESTED}/${name}`;
    const tags = isObject(body.tags) ? { tags: body.tags } : {};
    return { id, name, resourceGroup, template, parameters, ...tags, steps };
  };

  return {
    get,
    prepare,
    begin,
    list: (group) => store.list<Deployment>(COLLECTION, `${group.toLowerCase()}/`).map(([, deployment]) => deployment),
    cancel(deployment) {
      const steps = deployment.steps.map((step) =>
        step.state === 'Waiting' || step.state === 'Running' ? { ...step, state: 'Canceled' as const } : step,
      );
      const error = { code: 'DeploymentCanceled', message: `The deployment '${deployment.name}' was canceled.` };
      save({
        ...deployment,
        steps,
        state: 'Canceled',
        endedAt: clock.now(),
        error,
        parameters: forgetSecrets(deployment),
      });
      operations.cancel(deployment.operation, error);
    },
    forgetGroup(group) {
      for (const [key] of store.list(COLLECTION, `${group.toLowerCase()}/`)) store.delete(COLLECTION, key);
    },
  };
}

const stepId = (operation: string, index: number): string =>
  `${operation.slice(0, 24)}${String(index).padStart(12, '0')}`;

const isReady = (step: Step, deployment: Deployment): boolean =>
  step.dependsOn.every((id) =>
    deployment.steps.some((other) => keyOf(other.id) === keyOf(id) && other.state === 'Succeeded'),
  );

const ENVELOPE = ['type', 'apiVersion', 'name', 'dependsOn', 'condition', 'comments', 'resourceGroup', 'scope'];

const withoutEnvelope = (source: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(source).filter(([key]) => !ENVELOPE.includes(key)));

/** A refused request carries its own error; one that failed later is wrapped, as Azure does it. */
function failureOf(operation: Operation): ErrorBody {
  const inner = operation.error ?? { code: 'InternalServerError', message: 'The operation failed.' };
  if (inner.code === 'DeploymentFailed') return inner;
  return {
    code: 'ResourceDeploymentFailure',
    target: operation.resourceId,
    message:
      "The resource write operation failed to complete successfully, because it reached terminal provisioning state 'Failed'.",
    details: [inner],
  };
}

const deploymentFailed = (details: ErrorBody[]): ErrorBody => ({
  code: 'DeploymentFailed',
  message:
    'At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details.',
  details,
});

function outputsOf({ template }: Deployment, scope: Scope): JsonObject {
  return Object.fromEntries(
    Object.entries(objectAt(template, 'outputs')).map(([name, output]) => {
      const type = textAt(output, 'type') ?? 'String';
      const value = isObject(output) ? evaluate(output.value, scope) : undefined;
      return [name, { type: type.charAt(0).toUpperCase() + type.slice(1), value }];
    }),
  );
}

const forgetSecrets = ({ template, parameters }: Deployment): JsonObject => {
  const definitions = objectAt(template, 'parameters');
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      /^secure/i.test(textAt(definitions[name], 'type') ?? '') ? null : value,
    ]),
  );
};
