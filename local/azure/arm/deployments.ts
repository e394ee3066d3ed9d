import type { Core } from '../core';
import type { SimResponse } from '../http';
import { objectAt, textAt, type JsonObject } from '../json';
import type { Deployment, DeploymentRuns, Step, Submission } from './deployment-run';
import { ArmError, badRequest, conflict, groupNotFound } from './errors';
import { evaluate } from './expressions';
import { mapped, type Groups } from './groups';
import { lastName } from './ids';
import { page } from './paging';
import { param, type Exchange, type Route } from './routes';
import { NESTED, shownParameters } from './template';

/** Says what of a template's machines would exceed a quota; the compute provider knows. */
export type Preflight = (submission: Submission, resolve: (value: unknown) => unknown) => string | undefined;

const BASE = '/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.resources/deployments';
const ONE = `${BASE}/{deployment}`;
const NAME = /^[-\w._()]{1,64}$/;

/** Deployments at the scope of a resource group. */
export function deploymentRoutes(core: Core, groups: Groups, runs: DeploymentRuns, preflight: Preflight): Route[] {
  const found = (exchange: Exchange): Deployment => {
    const deployment = runs.get(param(exchange, 'group'), param(exchange, 'deployment'));
    if (deployment) return deployment;
    throw new ArmError(404, 'DeploymentNotFound', `Deployment '${param(exchange, 'deployment')}' could not be found.`);
  };
  const paged = <T>(
    exchange: Exchange,
    items: T[],
    key: (item: T) => string,
    show: (item: T) => object,
  ): SimResponse => ({
    status: 200,
    body: mapped(page(items, key, exchange.request, core.settings.baseUrl()), show),
  });
  const checked = (exchange: Exchange): Submission => {
    const group = groups.writable(param(exchange, 'group'));
    const name = param(exchange, 'deployment');
    if (!NAME.test(name)) throw badRequest('InvalidDeploymentName', `The deployment name '${name}' is not valid.`);
    checkMode(exchange.body);
    const submission = runs.prepare(group.name, name, exchange.body);
    const problem = preflight(submission, (value) => evaluateKnown(value, submission));
    if (problem) throw overQuota(core, name, problem);
    return submission;
  };
  const listSteps = (exchange: Exchange): SimResponse => {
    const deployment = found(exchange);
    const started = deployment.steps.filter((step) => step.startedAt !== undefined);
    return paged(
      exchange,
      started,
      (step) => step.operationId,
      (step) => shownStep(deployment, step),
    );
  };

  return [
    {
      method: 'PUT',
      path: ONE,
      run(exchange) {
        const before = runs.get(param(exchange, 'group'), param(exchange, 'deployment'));
        if (before?.state === 'Running') throw deploymentActive(before);
        const deployment = runs.begin(checked(exchange));
        const url = `${core.settings.baseUrl()}${deployment.id}/operationStatuses/${deployment.operation}?api-version=2025-03-01`;
        return {
          status: before ? 200 : 201,
          headers: { 'azure-asyncoperation': url, 'retry-after': '5' },
          body: shown(deployment),
        };
      },
    },
    {
      method: 'POST',
      path: `${ONE}/validate`,
      run: (exchange) => {
        const { name, id, template, parameters } = checked(exchange);
        return {
          status: 200,
          body: {
            id,
            name,
            type: NESTED,
            properties: {
              mode: 'Incremental',
              provisioningState: 'Succeeded',
              parameters: shownParameters(template, parameters),
            },
          },
        };
      },
    },
    { method: 'GET', path: ONE, run: (exchange) => ({ status: 200, body: shown(found(exchange)) }) },
    {
      method: 'HEAD',
      path: ONE,
      run: (exchange) => ({ status: runs.get(param(exchange, 'group'), param(exchange, 'deployment')) ? 204 : 404 }),
    },
    {
      method: 'GET',
      path: BASE,
      run(exchange) {
        if (!groups.find(param(exchange, 'group'))) throw groupNotFound(param(exchange, 'group'));
        return paged(
          exchange,
          runs.list(param(exchange, 'group')),
          (deployment) => deployment.name.toLowerCase(),
          shown,
        );
      },
    },
    // the listing has an older path without the provider, which is the one that the SDK uses
    { method: 'GET', path: `${ONE}/operations`, run: listSteps },
    {
      method: 'GET',
      path: '/subscriptions/{subscription}/resourcegroups/{group}/deployments/{deployment}/operations',
      run: listSteps,
    },
    {
      method: 'GET',
      path: `${ONE}/operationstatuses/{operation}`,
      run: (exchange) => status(core, param(exchange, 'operation')),
    },
    {
      method: 'POST',
      path: `${ONE}/exporttemplate`,
      run: (exchange) => ({ status: 200, body: { template: found(exchange).template } }),
    },
    {
      method: 'POST',
      path: `${ONE}/cancel`,
      run(exchange) {
        const deployment = found(exchange);
        if (deployment.state !== 'Running') {
          throw conflict(
            'DeploymentCannotBeCancelled',
            `The deployment '${deployment.name}' cannot be cancelled because it is not active.`,
          );
        }
        runs.cancel(deployment);
        return { status: 204 };
      },
    },
  ];
}

function checkMode(body: JsonObject): void {
  const mode = textAt(body, 'properties.mode');
  if (mode?.toLowerCase() === 'incremental') return;
  throw badRequest(
    'InvalidDeployment',
    `The deployment mode '${mode ?? ''}' is not supported here: only 'Incremental' is.`,
  );
}

function evaluateKnown(value: unknown, { parameters, template, resourceGroup, name }: Submission): unknown {
  const nothing = (): undefined => undefined;
  return evaluate(value, {
    parameters,
    variables: objectAt(template, 'variables'),
    deploymentName: name,
    subscription: {},
    resourceGroup: { name: resourceGroup },
    reference: nothing,
    listKeys: nothing,
  });
}

function overQuota(core: Core, name: string, message: string): ArmError {
  const tracking = core.chance.guid(`tracking/${name}/${core.clock.now()}`);
  const text = `The template deployment '${name}' is not valid according to the validation procedure. The tracking id is '${tracking}'. See inner errors for details.`;
  return new ArmError(400, 'InvalidTemplateDeployment', text, { details: [{ code: 'QuotaExceeded', message }] });
}

const deploymentActive = (running: Deployment): ArmError =>
  conflict(
    'DeploymentActive',
    `Unable to edit or replace deployment '${running.name}': previous deployment from '${new Date(running.startedAt).toISOString()}' is still active. Please see https://aka.ms/arm-deploy for usage details.`,
  );

function status(core: Core, id: string): SimResponse {
  const operation = core.operations.get(id);
  if (!operation)
    throw new ArmError(404, 'DeploymentOperationNotFound', `The deployment operation '${id}' could not be found.`);
  const running = operation.status === 'InProgress';
  const body = { status: running ? 'Running' : operation.status, ...(operation.error && { error: operation.error }) };
  return { status: 200, headers: running ? { 'retry-after': '5' } : {}, body };
}

function shown(deployment: Deployment): JsonObject {
  const { id, name, state, startedAt, endedAt, correlationId, template, parameters, outputs, error, steps, tags } =
    deployment;
  return {
    id,
    name,
    type: NESTED,
    ...(tags && { tags }),
    properties: {
      mode: 'Incremental',
      provisioningState: state,
      timestamp: new Date(endedAt ?? startedAt).toISOString(),
      duration: duration(startedAt, endedAt),
      correlationId,
      parameters: shownParameters(template, parameters),
      ...(outputs && { outputs }),
      ...(error && { error }),
      outputResources: steps.filter((step) => step.state === 'Succeeded').map((step) => ({ id: step.id })),
      dependencies: steps
        .filter((step) => step.dependsOn.length > 0)
        .map((step) => ({
          id: step.id,
          resourceType: step.type,
          resourceName: lastName(step.id),
          dependsOn: step.dependsOn.map((on) => ({ id: on })),
        })),
    },
  };
}

const duration = (from: number, to: number | undefined): string => `PT${((to ?? from) - from) / 1_000}S`;

const STATUS_CODES: Record<Step['state'], string> = {
  Waiting: 'Accepted',
  Running: 'Created',
  Succeeded: 'OK',
  Failed: 'Conflict',
  Canceled: 'Conflict',
};

const shownStep = (deployment: Deployment, step: Step): JsonObject => ({
  id: `${deployment.id}/operations/${step.operationId}`,
  operationId: step.operationId,
  properties: {
    provisioningOperation: 'Create',
    provisioningState: step.state,
    timestamp: new Date(step.endedAt ?? step.startedAt ?? deployment.startedAt).toISOString(),
    duration: duration(step.startedAt ?? 0, step.endedAt ?? step.startedAt),
    trackingId: step.operationId,
    statusCode: STATUS_CODES[step.state],
    ...(step.error && { statusMessage: { status: 'Failed', error: step.error } }),
    targetResource: { id: step.id, resourceType: step.type, resourceName: step.name },
  },
});
