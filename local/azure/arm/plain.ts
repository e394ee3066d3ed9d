import type { Core } from '../core';
import { isObject, merged, objectAt, type JsonObject } from '../json';
import { ArmError, asArmError, badRequest, conflict, preconditionFailed } from './errors';
import { keyOf, lastName, parentOf } from './ids';
import type { Operation } from './operations';
import { checkReferences } from './references';
import { etagOf, present, type Resource } from './resources';
import type { ResourceType, TypeTable, WriteOutcome, WriteRequest } from './types';

/** Writes and removes resources of any type in the plain way: check, store, take time, be done. */
export interface PlainResources {
  write(request: WriteRequest): WriteOutcome;
  remove(resource: Resource, type: ResourceType): Operation;
  /** Removes at once and without questions: the end of a resource group. */
  discard(id: string): void;
}

const BESIDE_PROPERTIES = ['sku', 'kind', 'zones', 'identity', 'plan'] as const;
const WRITTEN = 'resource-written';
const REMOVED = 'resource-removed';
const DEFAULT_LOCATION = 'global';

export function createPlainResources(core: Core, types: TypeTable): PlainResources {
  const { resources, operations, scheduler, clock } = core;

  scheduler.on<{ id: string; operation: string }>(WRITTEN, async ({ id, operation }) => {
    const resource = resources.get(id);
    if (!resource) return operations.cancel(operation, gone(id));
    try {
      await types.find(resource.type)?.complete?.(resource);
      settle(core, id, 'Succeeded');
      operations.finish(operation, undefined, present(resources.get(id) ?? resource));
    } catch (error) {
      settle(core, id, 'Failed');
      operations.finish(operation, asArmError(error).body);
    }
  });
  scheduler.on<{ id: string; operation: string }>(REMOVED, ({ id, operation }) => {
    discard(id);
    operations.finish(operation);
  });

  const discard = (id: string): void => {
    const resource = resources.get(id);
    for (const child of resources.below(id)) resources.delete(child.id);
    resources.delete(id);
    if (resource) types.find(resource.type)?.removed?.(resource);
  };
  const runAfter = (kind: string, operation: Operation, latencyMs: number): void =>
    scheduler.schedule(kind, operation.id, clock.now() + latencyMs, {
      id: operation.resourceId,
      operation: operation.id,
    });
  const latencyOf = (type: ResourceType, key: string): number =>
    core.chance.within(type.latency?.(core.latencies) ?? core.latencies.resource, key);

  return {
    discard,
    write(request) {
      const existing = resources.get(request.id);
      checkConditions(request, existing);
      request.type.checkBody?.(request.body);
      const draft = draftOf(core, request, existing);
      checkReferences(core, request.id, request.body);
      const prepared = request.type.prepare?.(draft, existing) ?? draft;
      const latencyMs = latencyOf(request.type, `${request.id}/${prepared.version}`);
      const state = latencyMs === 0 ? 'Succeeded' : existing ? 'Updating' : 'Creating';
      const stored = resources.put({ ...prepared, properties: { ...prepared.properties, provisioningState: state } });
      const operation = operations.begin({
        resourceId: stored.id,
        location: stored.location ?? DEFAULT_LOCATION,
        event: { kind: 'Write', subject: stored.id, operationName: `${stored.type}/write`, method: request.method },
      });
      if (latencyMs === 0) operations.finish(operation.id, undefined, present(stored));
      else runAfter(WRITTEN, operation, latencyMs);
      const shown = request.type.show?.(stored) ?? present(stored);
      return { shown, created: !existing, operation: operations.get(operation.id) ?? operation };
    },
    remove(resource, type) {
      type.checkRemovable?.(resource);
      const latencyMs = latencyOf(type, `delete/${resource.id}`);
      settle(core, resource.id, 'Deleting');
      const operation = operations.begin({
        resourceId: resource.id,
        location: resource.location ?? DEFAULT_LOCATION,
        event: { kind: 'Delete', subject: resource.id, operationName: `${resource.type}/delete`, method: 'DELETE' },
      });
      runAfter(REMOVED, operation, latencyMs);
      return operation;
    },
  };
}

/** Sets the provisioning state of a resource, if it is still there. */
export function settle(core: Core, id: string, provisioningState: string): void {
  const resource = core.resources.get(id);
  if (resource) core.resources.put({ ...resource, properties: { ...resource.properties, provisioningState } });
}

export function checkConditions(request: WriteRequest, existing: Resource | undefined): void {
  const { ifMatch, ifNoneMatch } = request;
  if (ifNoneMatch === '*' && existing) throw preconditionFailed(request.id);
  if (ifMatch && !existing) throw preconditionFailed(request.id);
  if (ifMatch && ifMatch !== '*' && existing && unquoted(ifMatch) !== unquoted(etagOf(existing)))
    throw preconditionFailed(request.id);
}

/** Some clients send the value without its quotes, or as a weak one. */
const unquoted = (etag: string): string => etag.replace(/^W\//, '').replace(/"/g, '');

/** The resource as it will be, before the type has its say. PUT replaces, PATCH merges. */
export function draftOf(core: Core, request: WriteRequest, existing: Resource | undefined): Resource {
  const { id, type, body, method } = request;
  checkParent(core, id, type);
  const location = locationOf(request, existing);
  const base = method === 'PATCH' ? existing : undefined;
  const extra = Object.fromEntries(
    BESIDE_PROPERTIES.map((name) => [name, merged(base?.extra[name], body[name] ?? base?.extra[name])]).filter(
      ([, value]) => value !== undefined,
    ),
  ) as JsonObject;
  return {
    id: existing?.id ?? id,
    name: lastName(existing?.id ?? id),
    type: type.type,
    resourceGroup: request.resourceGroup,
    location,
    tags: tagsOf(body.tags) ?? (method === 'PATCH' ? existing?.tags : undefined) ?? {},
    version: existing?.version ?? 0,
    createdAt: existing?.createdAt ?? new Date(core.clock.now()).toISOString(),
    properties: merged(base?.properties ?? {}, objectAt(body, 'properties')) as JsonObject,
    extra,
    secrets: existing?.secrets,
  };
}

function locationOf({ type, body, id }: WriteRequest, existing: Resource | undefined): string | undefined {
  const given = typeof body.location === 'string' ? body.location.replace(/ /g, '').toLowerCase() : undefined;
  if (existing?.location && given && given !== existing.location) {
    throw conflict(
      'InvalidResourceLocation',
      `The resource '${lastName(id)}' already exists in location '${existing.location}' in resource group '${existing.resourceGroup}'. A resource with the same name cannot be created in location '${given}'. Please select a new resource name.`,
    );
  }
  if (!given && !existing && !type.global) {
    throw badRequest('LocationRequired', 'The location property is required for this definition.');
  }
  return given ?? existing?.location;
}

function checkParent(core: Core, id: string, type: ResourceType): void {
  if (type.type.split('/').length <= 2) return;
  const parent = parentOf(id);
  if (core.resources.get(parent) || /\/default$/i.test(parent)) return;
  throw new ArmError(
    404,
    'ParentResourceNotFound',
    `Failed to perform 'write' on resource(s) of type '${type.type.split('/').slice(1).join('/')}', because the parent resource '${keyOf(parent)}' could not be found.`,
  );
}

const tagsOf = (value: unknown): Record<string, string> | undefined =>
  isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)])) : undefined;

const gone = (id: string) => ({ code: 'ResourceNotFound', message: `The resource '${id}' was removed meanwhile.` });
