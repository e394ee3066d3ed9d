import type { Core } from '../core';
import type { Faults } from '../faults';
import type { Handler, SimRequest, SimResponse } from '../http';
import { ARM_AUDIENCES, type Identity } from '../identity';
import { isObject, type JsonObject } from '../json';
import type { RequestLog } from '../request-log';
import { servedType, versionRefusal } from './api-versions';
import { ArmError, asArmError, badRequest, groupNotFound, resourceNotFound } from './errors';
import type { Groups } from './groups';
import { groupId, lastName, parseTarget, resourceId, typeOf, type Target } from './ids';
import { nextNumber, etagOf, present, type Resource } from './resources';
import { matchPath, type Exchange, type Route } from './routes';
import type { Throttle } from './throttle';
import type { Engine } from './engine';

interface RouterDeps {
  core: Core;
  identity: Identity;
  faults: Faults;
  log: RequestLog;
  throttle: Throttle;
  groups: Groups;
  engine: Engine;
  routes: Route[];
}

/** Azure Resource Manager: who may, how often, and which provider answers. */
export function createArmHandler(deps: RouterDeps): Handler {
  const { core, faults, log } = deps;
  return async (request) => {
    const headers = requestIds(core, request);
    const answer = await faults.around(request, () => guarded(() => serve(deps, request)));
    log.add(request, answer.status);
    return { ...answer, headers: { ...headers, ...answer.headers } };
  };
}

async function guarded(run: () => Promise<SimResponse>): Promise<SimResponse> {
  try {
    return await run();
  } catch (error) {
    return asArmError(error).response;
  }
}

function requestIds({ store, chance }: Core, request: SimRequest): Record<string, string> {
  const id = chance.guid(`request/${nextNumber(store, 'requests')}`);
  return {
    'x-ms-request-id': id,
    'x-ms-correlation-request-id': request.headers['x-ms-correlation-request-id'] ?? id,
    'cache-control': 'no-cache',
  };
}

async function serve(deps: RouterDeps, request: SimRequest): Promise<SimResponse> {
  const { core, identity, throttle } = deps;
  const challenge = `Bearer authorization_uri="https://login.windows.net/${core.settings.tenantId}", error="invalid_token", error_description="The access token is missing or invalid."`;
  identity.authorize(request, ARM_AUDIENCES, challenge);
  checkApiVersion(deps, request);
  checkSubscription(core, request);
  checkGroup(deps, request);
  const limits = throttle.take(request, (id) => core.operations.get(id)?.resourceId);
  const answer = await guarded(() => dispatch(deps, request));
  return { ...answer, headers: { ...limits, ...answer.headers } };
}

const API_VERSION = /^20(1[4-9]|2[0-6])-\d{2}-\d{2}(-preview|-alpha|-beta)?$/;

const OPERATION = /\/(operations|operationresults)\/[^/]+$/i;

function checkApiVersion({ groups }: RouterDeps, { url }: SimRequest): void {
  const version = url.searchParams.get('api-version');
  if (!version) {
    throw badRequest(
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  if (!API_VERSION.test(version)) {
    throw badRequest(
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are dates such as '2024-07-01'.`,
    );
  }
  const target = parseTarget(url.pathname);
  // Where operations are polled is an address that Azure made itself.
  if (!target || OPERATION.test(url.pathname)) return;
  const location = groups.find(target.resourceGroup ?? '')?.location ?? '';
  const refusal = versionRefusal(servedType(target), version, location);
  if (refusal) throw refusal;
}

function checkSubscription({ settings }: Core, { url }: SimRequest): void {
  const given = parseTarget(url.pathname)?.subscriptionId;
  if (!given || given.toLowerCase() === settings.subscriptionId.toLowerCase()) return;
  throw new ArmError(404, 'SubscriptionNotFound', `The subscription '${given}' could not be found.`);
}

/** A missing group is told before anything inside it is looked for. */
function checkGroup({ groups }: RouterDeps, { url }: SimRequest): void {
  const target = parseTarget(url.pathname);
  if (target?.namespace && target.resourceGroup && !groups.find(target.resourceGroup))
    throw groupNotFound(target.resourceGroup);
}

async function dispatch(deps: RouterDeps, request: SimRequest): Promise<SimResponse> {
  const exchange: Exchange = { request, params: {}, query: request.url.searchParams, body: parseBody(request) };
  for (const route of deps.routes) {
    if (route.method !== request.method) continue;
    const params = matchPath(route.path, request.url.pathname);
    if (params) return route.run({ ...exchange, params });
  }
  return dispatchResource(deps, exchange);
}

function parseBody({ body }: SimRequest): JsonObject {
  if (!body) return {};
  try {
    const value: unknown = JSON.parse(body);
    if (isObject(value)) return value;
  } catch {
    // falls through to the error that ARM gives for both
  }
  throw badRequest('InvalidRequestContent', 'The request content was invalid and could not be deserialized.');
}

/** Everything that is a resource of a registered type, or a collection of them, or an action on one. */
async function dispatchResource(deps: RouterDeps, exchange: Exchange): Promise<SimResponse> {
  const { method } = exchange.request;
  const target = parseTarget(exchange.request.url.pathname);
  if (!target?.namespace) throw new ArmError(404, 'InvalidResource', 'The path names no resource.');
  checkNamespace(deps.engine, target);
  const named = target.types.length === target.names.length;
  if (named && (method === 'PUT' || method === 'PATCH')) return write(deps, exchange, target);
  if (named) return readOrRemove(deps, exchange, target);
  if (method === 'POST') return act(deps, exchange, target);
  if (method === 'GET') return collection(deps, exchange, target);
  throw new ArmError(405, 'MethodNotAllowed', `The method '${method}' is not allowed here.`);
}

function checkNamespace({ types }: Engine, target: Target): void {
  if (types.knowsNamespace(target.namespace ?? '')) return;
  throw new ArmError(404, 'InvalidResourceNamespace', `The resource namespace '${target.namespace}' is invalid.`);
}

function typeFor({ types }: Engine, target: Target, exchange: Exchange) {
  const type = types.find(typeOf(target));
  if (type) return type;
  const version = exchange.query.get('api-version');
  const name = target.types.join('/');
  throw new ArmError(
    404,
    'InvalidResourceType',
    `The resource type '${name}' could not be found in the namespace '${target.namespace}' for api version '${version}'.`,
  );
}

function canonicalId({ core, groups }: RouterDeps, target: Target, type: string): string {
  const group = target.resourceGroup === undefined ? undefined : groups.find(target.resourceGroup);
  const plainScope = /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+$/i.test(target.scope);
  const scope = group && plainScope ? groupId(core.settings.subscriptionId, group.name) : target.scope;
  return resourceId(scope, type, target.names);
}

function write(deps: RouterDeps, exchange: Exchange, target: Target): SimResponse {
  const type = typeFor(deps.engine, target, exchange);
  const { headers, method } = exchange.request;
  const group = target.resourceGroup === undefined ? undefined : deps.groups.writable(target.resourceGroup);
  const id = canonicalId(deps, target, type.type);
  if (method === 'PATCH' && !deps.core.resources.get(id)) throw notFound(target);
  const outcome = deps.engine.write({
    method: method as 'PUT' | 'PATCH',
    id,
    type,
    resourceGroup: group?.name ?? '',
    body: exchange.body,
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
  });
  const lro = outcome.operation.status === 'InProgress';
  if (type.answer === 'location' && lro) {
    return { status: 202, headers: deps.core.operations.headers(outcome.operation, 'location') };
  }
  return {
    status: outcome.created ? 201 : 200,
    headers: lro ? deps.core.operations.headers(outcome.operation, 'async') : {},
    body: outcome.shown,
  };
}

function readOrRemove(deps: RouterDeps, exchange: Exchange, target: Target): SimResponse {
  const { method } = exchange.request;
  const type = typeFor(deps.engine, target, exchange);
  const resource = deps.core.resources.get(resourceId(target.scope, type.type, target.names));
  if (method === 'DELETE' && !resource) return { status: 204 };
  if (!resource) throw notFound(target);
  if (method === 'GET') {
    return { status: 200, headers: { etag: etagOf(resource) }, body: type.show?.(resource) ?? present(resource) };
  }
  if (method === 'HEAD') return { status: 204 };
  if (method === 'DELETE') {
    const operation = deps.engine.remove(resource, exchange);
    return operation.status === 'InProgress'
      ? { status: 202, headers: deps.core.operations.headers(operation) }
      : { status: 200 };
  }
  throw new ArmError(405, 'MethodNotAllowed', `The method '${method}' is not allowed here.`);
}

async function act(deps: RouterDeps, exchange: Exchange, target: Target): Promise<SimResponse> {
  const action = target.types[target.types.length - 1] ?? '';
  const owner: Target = { ...target, types: target.types.slice(0, -1) };
  const type = typeFor(deps.engine, owner, exchange);
  const resource = deps.core.resources.get(resourceId(target.scope, type.type, target.names));
  if (!resource) throw notFound(owner);
  const run = type.actions?.[action.toLowerCase()];
  if (!run) throw new ArmError(404, 'InvalidAction', `The action '${action}' is not known for '${type.type}'.`);
  return run(resource, exchange);
}

function collection(deps: RouterDeps, exchange: Exchange, target: Target): SimResponse {
  const type = typeFor(deps.engine, target, exchange);
  const scope = target.names.length ? resourceId(target.scope, parentType(type.type), target.names) : target.scope;
  const found = deps.core.resources.below(scope).filter((resource: Resource) => resource.type === type.type);
  return deps.engine.listed(found, exchange, (resource) => type.show?.(resource) ?? present(resource));
}

const parentType = (type: string): string => type.split('/').slice(0, -1).join('/');

const notFound = (target: Target): ArmError =>
  resourceNotFound(typeOf(target), target.names.map((name) => lastName(name)).join('/'), target.resourceGroup ?? '');
