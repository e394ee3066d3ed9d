import type { SimRequest, SimResponse } from '../../azure/http';
import type { Clock } from '../../clock';
import { authenticate, authorize } from './access';
import { admitWrite } from './admission';
import { parseTarget, verbOf } from './api-target';
import { created, parseBody, patchedObject, updated, type WriteCall, type Written } from './api-writes';
import type { ClusterRecord, Clusters } from './clusters';
import { requireDisruptionBudget } from './disruption';
import { apiVersionOf, type KubeObject } from './kube-object';
import { rehearsal, requirePreconditions, type Preconditions } from './objects';
import { patched } from './patch';
import { fieldSelector, labelSelector, page } from './selectors';
import { KubeError, json, statusResponse, success } from './status';
import { issueToken } from './token-requests';
import type { Workloads } from './workloads';

interface Dependencies {
  clusters: Clusters;
  workloads: Workloads;
  nodeChanged: (clusterUid: string, node: KubeObject) => void;
  nodeRemoved: (clusterUid: string, node: KubeObject) => void;
  secretWritten: (clusterUid: string, secret: KubeObject) => void;
  clock: Clock;
}

/** The Kubernetes API of one cluster. Every refusal is a `Status`, as client libraries expect. */
export type KubeApi = (cluster: ClusterRecord, request: SimRequest) => SimResponse;

interface Call extends WriteCall {
  cluster: ClusterRecord;
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
  const stored = dependencies.clusters.objects(cluster.uid);
  const isTried = request.url.searchParams.get('dryRun') === 'All';
  const objects = isTried ? rehearsal(stored, dependencies.clock) : stored;
  const caller = authenticate(cluster, request.headers.authorization, dependencies.clock.now());
  const plain = PLAIN_PATHS[pathname];
  if (plain) return plain(cluster);
  const target = parseTarget(pathname);
  const verb = verbOf(request, target);
  const resource =
    target.subresource === '' ? target.resource.plural : `${target.resource.plural}/${target.subresource}`;
  authorize(objects, caller, { ...target, verb, resource, group: target.resource.group });
  const call: Call = { ...target, cluster, objects, request, verb, caller };
  const act = ACTIONS[`${verb} ${target.subresource}`.trim()];
  if (!act)
    throw new KubeError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const response = act(call, isTried ? { ...dependencies, ...NO_EFFECTS } : dependencies);
  if (!isTried && !['get', 'list'].includes(verb)) dependencies.workloads.changed(cluster.uid);
  return response;
}

/** Of a dry run nobody hears. */
const NO_EFFECTS = { nodeChanged: () => undefined, nodeRemoved: () => undefined, secretWritten: () => undefined };

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
  create: (call, dependencies) => noticed(call, dependencies, created(call)),
  update: (call, dependencies) => noticed(call, dependencies, updated(call)),
  patch: (call, dependencies) => noticed(call, dependencies, patchedObject(call)),
  delete: remove,
  'create token': (call, dependencies) => json(201, issueToken(call, dependencies)),
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

function noticed(
  { cluster, resource }: Call,
  { nodeChanged, secretWritten }: Dependencies,
  { status, object }: Written,
): SimResponse {
  if (resource.plural === 'secrets') secretWritten(cluster.uid, object);
  if (resource.plural === 'nodes') nodeChanged(cluster.uid, object);
  return json(status, object);
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

function remove(call: Call, { workloads, nodeRemoved, clock }: Dependencies): SimResponse {
  const { objects, resource, namespace, name, cluster } = call;
  const options = deleteOptions(call.request);
  const existing = current(call);
  requirePreconditions(resource.plural, existing, options.preconditions ?? {});
  if (resource.plural === 'pods')
    return json(200, workloads.terminate(cluster.uid, existing, options.gracePeriodSeconds));
  admitWrite(objects, call.caller, { ...call, operation: 'DELETE', before: existing });
  if (resource.plural === 'namespaces') return json(200, endNamespace(call, existing, clock.now()));
  objects.remove(resource.plural, namespace, name);
  if (resource.plural === 'nodes') nodeRemoved(cluster.uid, existing);
  return success({ name, kind: resource.plural, uid: existing.metadata.uid });
}

/** The namespace goes when it is empty, which the controllers see to. */
function endNamespace({ objects }: Call, namespace: KubeObject, now: number): KubeObject {
  const metadata = { ...namespace.metadata, deletionTimestamp: new Date(now).toISOString() };
  return objects.update('namespaces', { ...namespace, metadata, status: { phase: 'Terminating' } });
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
