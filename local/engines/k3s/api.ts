import type { SimRequest, SimResponse } from '../../azure/http';
import type { Clock } from '../../clock';
import { admitSecretWrite, authenticate, authorize } from './access';
import { parseTarget, verbOf, type Target } from './api-target';
import type { ClusterRecord, Clusters } from './clusters';
import { requireDisruptionBudget } from './disruption';
import { apiVersionOf, type KubeObject, type NewKubeObject } from './kube-object';
import { resourceType, requirePreconditions, type KubeObjects, type Preconditions } from './objects';
import { patched } from './patch';
import { fieldSelector, labelSelector, page } from './selectors';
import { KubeError, badRequest, conflict, invalid, json, notFound, statusResponse, success } from './status';
import type { Workloads } from './workloads';

interface Dependencies {
  clusters: Clusters;
  workloads: Workloads;
  nodeRemoved: (clusterUid: string, node: KubeObject) => void;
  secretWritten: (clusterUid: string, secret: KubeObject) => void;
  clock: Clock;
}

/** The Kubernetes API of one cluster. Every refusal is a `Status`, as client libraries expect. */
export type KubeApi = (cluster: ClusterRecord, request: SimRequest) => SimResponse;

interface Call extends Target {
  cluster: ClusterRecord;
  objects: KubeObjects;
  request: SimRequest;
  verb: string;
}

export function createKubeApi(dependencies: Dependencies): KubeApi {
  return (cluster, request) => {
    try {
      return answer(dependencies, cluster, request);
    } catch (error) {
      if (error instanceof KubeError) return statusResponse(error);
      throw error;
    }
  };
}

function answer(dependencies: Dependencies, cluster: ClusterRecord, request: SimRequest): SimResponse {
  const { pathname } = request.url;
  const objects = dependencies.clusters.objects(cluster.uid);
  const caller = authenticate(cluster, request.headers.authorization);
  const plain = PLAIN_PATHS[pathname];
  if (plain) return plain(cluster);
  const target = parseTarget(pathname);
  const verb = verbOf(request, target);
  const resource =
    target.subresource === '' ? target.resource.plural : `${target.resource.plural}/${target.subresource}`;
  authorize(objects, caller, { ...target, verb, resource, group: target.resource.group });
  const call: Call = { ...target, cluster, objects, request, verb };
  const act = ACTIONS[`${verb} ${target.subresource}`.trim()];
  if (!act)
    throw new KubeError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const response = act(call, dependencies);
  if (!['get', 'list'].includes(verb)) dependencies.workloads.changed(cluster.uid);
  return response;
}

/** Open to every authenticated caller through `system:public-info-viewer`. */
const PLAIN_PATHS: Record<string, (cluster: ClusterRecord) => SimResponse> = {
  '/version': ({ version }) => {
    const [, major = '1', minor = '0'] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
    return json(200, { major, minor, gitVersion: version, platform: 'linux/amd64' });
  },
  '/readyz': () => ({ status: 200, body: 'ok' }),
  '/livez': () => ({ status: 200, body: 'ok' }),
  '/healthz': () => ({ status: 200, body: 'ok' }),
};

type Action = (call: Call, dependencies: Dependencies) => SimResponse;

const ACTIONS: Record<string, Action> = {
  get: ({ objects, resource, namespace, name }) => json(200, objects.get(resource.plural, namespace, name)),
  list,
  create,
  update,
  patch,
  delete: remove,
  'create eviction': evict,
  'get scale': (call) => json(200, scaleOf(current(call))),
  'update scale': scale,
  'patch scale': scale,
};

const current = ({ objects, resource, namespace, name }: Call): KubeObject =>
  objects.get(resource.plural, namespace, name);

function list({ objects, resource, namespace, request }: Call, { clock }: Dependencies): SimResponse {
  const query = request.url.searchParams;
  const [hasLabels, hasFields] = [labelSelector(query.get('labelSelector')), fieldSelector(query.get('fieldSelector'))];
  const all = objects.list(resource.plural, namespace === '' ? undefined : namespace);
  const { items, continueToken, remaining } = page(
    all.filter((object) => hasLabels(object) && hasFields(object)),
    query,
    clock.now(),
  );
  const isSelected = query.has('labelSelector') || query.has('fieldSelector');
  const metadata = {
    resourceVersion: String(objects.revision()),
    ...(continueToken && { continue: continueToken }),
    ...(remaining && !isSelected && { remainingItemCount: remaining }),
  };
  return json(200, { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items });
}

function create({ objects, resource, namespace, request, cluster }: Call, dependencies: Dependencies): SimResponse {
  const body = parseBody(request.body) as NewKubeObject;
  const given = body.metadata ?? {};
  if (given.name === undefined && given.generateName === undefined)
    throw invalid(resource, '', 'metadata.name: Required value: name or generateName is required');
  if (given.namespace !== undefined && given.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  const object = { ...body, metadata: { ...given, ...(resource.namespaced && { namespace }) } };
  if (resource.plural === 'secrets')
    admitSecretWrite(objects, { operation: 'CREATE', secret: { ...object, metadata: asMetadata(object) } });
  const created = objects.create(resource.plural, object);
  if (resource.plural === 'secrets') dependencies.secretWritten(cluster.uid, created);
  return json(201, created);
}

const asMetadata = ({ metadata }: NewKubeObject): KubeObject['metadata'] =>
  ({ ...metadata, name: metadata.name ?? metadata.generateName ?? '' }) as KubeObject['metadata'];

function update(call: Call): SimResponse {
  const body = parseBody(call.request.body) as KubeObject;
  return json(200, replace(call, current(call), body));
}

function patch(call: Call): SimResponse {
  const { objects, resource, namespace, name, request } = call;
  const contentType = request.headers['content-type'] ?? '';
  const existing = objects.find(resource.plural, namespace, name);
  if (!existing && contentType.startsWith('application/apply-patch')) {
    const applied = patched({ metadata: {} } as NewKubeObject, contentType, request.body);
    return json(
      201,
      objects.create(resource.plural, { ...applied, metadata: { ...applied.metadata, name, namespace } }),
    );
  }
  if (!existing) throw notFound(resource, name);
  return json(200, replace(call, existing, patched(existing, contentType, request.body)));
}

/** Checks what may not change, keeps what the server owns, and writes. */
function replace({ objects, resource, name }: Call, before: KubeObject, after: KubeObject): KubeObject {
  const { uid, resourceVersion, creationTimestamp, namespace } = before.metadata;
  const claimed = after.metadata.resourceVersion;
  if (claimed && claimed !== resourceVersion)
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
  if (resource.plural === 'secrets') admitSecretWrite(objects, { operation: 'UPDATE', secret: before });
  const metadata = {
    ...after.metadata,
    name,
    uid,
    resourceVersion,
    creationTimestamp,
    ...(namespace && { namespace }),
  };
  return objects.update(resource.plural, { ...after, metadata });
}

interface DeleteOptions {
  preconditions?: Preconditions;
  gracePeriodSeconds?: number;
}

function deleteOptions({ body, url }: SimRequest): DeleteOptions {
  const options = body === '' ? {} : (parseBody(body) as DeleteOptions);
  const grace = url.searchParams.get('gracePeriodSeconds');
  return { ...options, ...(grace !== null && { gracePeriodSeconds: Number(grace) }) };
}

function remove(call: Call, { workloads, nodeRemoved }: Dependencies): SimResponse {
  const { objects, resource, namespace, name, cluster } = call;
  const options = deleteOptions(call.request);
  const existing = current(call);
  requirePreconditions(resource.plural, existing, options.preconditions ?? {});
  if (resource.plural === 'pods')
    return json(200, workloads.terminate(cluster.uid, existing, options.gracePeriodSeconds));
  if (resource.plural === 'secrets') admitSecretWrite(objects, { operation: 'DELETE', secret: existing });
  objects.remove(resource.plural, namespace, name);
  if (resource.plural === 'nodes') nodeRemoved(cluster.uid, existing);
  return success({ name, kind: resource.plural, uid: existing.metadata.uid });
}

function evict(call: Call, { workloads }: Dependencies): SimResponse {
  const { objects, namespace, name, request, cluster } = call;
  const pod = objects.get('pods', namespace, name);
  const eviction = parseBody(request.body) as { deleteOptions?: DeleteOptions };
  requirePreconditions('pods', pod, eviction.deleteOptions?.preconditions ?? {});
  requireDisruptionBudget(objects, pod);
  workloads.terminate(cluster.uid, pod, eviction.deleteOptions?.gracePeriodSeconds);
  return json(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}

const scaleOf = (object: KubeObject): KubeObject => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: object.metadata,
  spec: { replicas: object.spec?.replicas ?? 1 },
  status: { replicas: object.status?.replicas ?? 0 },
});

function scale(call: Call): SimResponse {
  const { objects, resource, request, verb } = call;
  const object = current(call);
  const wanted =
    verb === 'patch'
      ? patched(scaleOf(object), request.headers['content-type'] ?? '', request.body)
      : (parseBody(request.body) as KubeObject);
  const spec = { ...object.spec, replicas: wanted.spec?.replicas };
  return json(200, scaleOf(objects.update(resource.plural, { ...object, spec })));
}

function parseBody(body: string): object {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // answered below
  }
  throw badRequest(`the object provided is unrecognized (must be of type ${resourceType('pods').kind} or similar)`);
}
