import type { SimRequest } from '../../azure/http';
import type { Caller } from './access';
import { admitWrite } from './admission';
import type { Target } from './api-target';
import type { KubeObject, NewKubeObject } from './kube-object';
import { resourceType, type KubeObjects } from './objects';
import { patched } from './patch';
import { applied } from './server-side-apply';
import { badRequest, conflict, invalid, notFound } from './status';
import { requireValid } from './validation';

export interface WriteCall extends Target {
  objects: KubeObjects;
  request: SimRequest;
  caller: Caller;
}

export interface Written {
  status: 200 | 201;
  object: KubeObject;
}

export function created(call: WriteCall): Written {
  const { resource, namespace } = call;
  const body = parseBody(call.request.body) as NewKubeObject;
  const given = body.metadata ?? {};
  if (given.name === undefined && given.generateName === undefined)
    throw invalid(resource, '', 'metadata.name: Required value: name or generateName is required');
  if (given.namespace !== undefined && given.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return insert(call, { ...body, metadata: { ...given, ...(resource.namespaced && { namespace }) } });
}

function insert({ objects, caller, resource, namespace }: WriteCall, object: NewKubeObject): Written {
  const name = object.metadata.name ?? object.metadata.generateName ?? '';
  admitWrite(objects, caller, { operation: 'CREATE', resource, namespace, name, after: object });
  requireValid(resource, object);
  return { status: 201, object: objects.create(resource.plural, object) };
}

export function updated(call: WriteCall): Written {
  const { objects, resource, namespace, name } = call;
  const body = parseBody(call.request.body) as KubeObject;
  return { status: 200, object: replace(call, objects.get(resource.plural, namespace, name), body) };
}

export function patchedObject(call: WriteCall): Written {
  const { objects, resource, namespace, name, request } = call;
  const contentType = request.headers['content-type'] ?? '';
  const existing = objects.find(resource.plural, namespace, name);
  if (contentType.startsWith('application/apply-patch')) return apply(call, existing);
  if (!existing) throw notFound(resource, name);
  return { status: 200, object: replace(call, existing, patched(existing, contentType, request.body)) };
}

function apply(call: WriteCall, existing: KubeObject | undefined): Written {
  const { resource, namespace, name, request } = call;
  const manager = request.url.searchParams.get('fieldManager');
  if (!manager)
    throw badRequest(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  const object = applied(existing, request.body, manager);
  if (object.kind !== resource.kind)
    throw badRequest(`the object is a ${object.kind}, the path asks for ${resource.kind}`);
  if (object.metadata.name !== name)
    throw badRequest(`the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`);
  if (existing) return { status: 200, object: replace(call, existing, object as KubeObject) };
  return insert(call, { ...object, metadata: { ...object.metadata, ...(resource.namespaced && { namespace }) } });
}

/** Checks what may not change, keeps what the server owns, and writes. */
function replace(call: WriteCall, before: KubeObject, after: KubeObject): KubeObject {
  const { objects, resource, name, caller } = call;
  requireUnmoved(call, before, after);
  admitWrite(objects, caller, { ...call, operation: 'UPDATE', before, after });
  requireValid(resource, after, before);
  const { uid, resourceVersion, creationTimestamp, namespace, generation = 1, deletionTimestamp } = before.metadata;
  const isChanged = JSON.stringify(before.spec) !== JSON.stringify(after.spec);
  const metadata = {
    ...after.metadata,
    ...{ name, uid, resourceVersion, creationTimestamp },
    ...(namespace && { namespace }),
    ...(deletionTimestamp && { deletionTimestamp }),
    ...(after.spec && { generation: isChanged ? generation + 1 : generation }),
  };
  return objects.update(resource.plural, { ...after, metadata });
}

function requireUnmoved({ resource, name }: WriteCall, before: KubeObject, after: KubeObject): void {
  const claimed = after.metadata.resourceVersion;
  if (claimed && claimed !== before.metadata.resourceVersion)
    throw conflict(
      resource,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  if (before.spec?.providerID && after.spec?.providerID !== before.spec.providerID)
    throw invalid(
      resource,
      name,
      'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    );
}

export function parseBody(body: string): object {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // answered below
  }
  throw badRequest(`the object provided is unrecognized (must be of type ${resourceType('pods').kind} or similar)`);
}
