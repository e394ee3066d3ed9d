import type { Caller } from './access';
import type { KubeObject, NewKubeObject, ResourceType } from './kube-object';
import type { KubeObjects } from './objects';
import { podSecurityViolation } from './pod-security';
import { KubeError, notFound } from './status';

/** A write, as admission sees it. */
export interface Write {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  resource: ResourceType;
  namespace: string;
  name: string;
  before?: KubeObject;
  after?: KubeObject | NewKubeObject;
}

const STARLING = 'system:serviceaccount:starling:starling';

/**
 * What stands between RBAC and the store: the namespace must be there, pod security, and the policies of the product's
 * manifest. Their CEL is not run: what they say is repeated here, and holds only while the cluster has them. Without a bound
 * policy everything passes, as it really would.
 */
export function admitWrite(objects: KubeObjects, caller: Caller, write: Write): void {
  if (write.operation === 'CREATE') requireNamespace(objects, write);
  if (write.operation === 'CREATE' && write.resource.plural === 'pods') requirePodSecurity(objects, write);
  if (caller.user !== STARLING) return;
  const why = write.resource.plural === 'secrets' ? secretRefusal(write) : workloadRefusal(write);
  if (!why) return;
  const policyName = write.resource.plural === 'secrets' ? 'starling-secrets' : 'starling-workloads';
  const bound = objects
    .list('validatingadmissionpolicybindings')
    .find(({ spec }) => spec?.policyName === policyName && objects.find('validatingadmissionpolicies', '', policyName));
  if (bound) throw denied(write, { policyName, binding: bound.metadata.name, why });
}

function denied({ resource, name }: Write, { policyName, binding, why }: Record<string, string>): KubeError {
  const by = `ValidatingAdmissionPolicy '${policyName}' with binding '${binding}'`;
  // Kubernetes' default reason of a failed validation is Invalid, which is 422 in spite of the wording.
  return new KubeError(422, 'Invalid', `${resource.plural} "${name}" is forbidden: ${by} denied request: ${why}`);
}

function requireNamespace(objects: KubeObjects, { resource, namespace, name }: Write): void {
  if (!resource.namespaced) return;
  const found = objects.find('namespaces', '', namespace);
  if (!found) throw notFound({ plural: 'namespaces', group: '' }, namespace);
  if (!found.metadata.deletionTimestamp) return;
  const message = `${resource.plural} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`;
  const causes = [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated` }];
  throw new KubeError(403, 'Forbidden', message, { name, kind: resource.plural, causes });
}

function requirePodSecurity(objects: KubeObjects, { namespace, name, after }: Write): void {
  const violation = podSecurityViolation(objects.find('namespaces', '', namespace), after?.spec ?? {});
  if (violation) throw new KubeError(403, 'Forbidden', `pods "${name}" is forbidden: ${violation}`);
}

const isOwn = (namespace: string): boolean => namespace.startsWith('starling-');

function secretRefusal({ operation, namespace, name, after, before }: Write): string | undefined {
  const isBootstrapName = namespace === 'kube-system' && name.startsWith('bootstrap-token-');
  const isPassword = namespace === 'kube-system' && name.endsWith('.node-password.k3s');
  if (operation === 'DELETE')
    return isOwn(namespace) || isBootstrapName || isPassword
      ? undefined
      : 'Starling deletes only bootstrap tokens, the passwords of nodes, and Secrets of workloads.';
  if ((after ?? before)?.type === 'kubernetes.io/service-account-token')
    return 'Starling makes no credentials of ServiceAccounts.';
  if (isOwn(namespace)) return undefined;
  if (operation === 'UPDATE') return 'Starling changes no Secret but those of workloads.';
  const expires = { ...after?.data, ...after?.stringData }.expiration !== undefined;
  return isBootstrapName && after?.type === 'bootstrap.kubernetes.io/token' && expires
    ? undefined
    : 'Starling creates only bootstrap tokens that expire, and Secrets of workloads.';
}

const FENCED_CORE = ['namespaces', 'services', 'configmaps', 'serviceaccounts', 'persistentvolumeclaims'];
const FENCED_GROUPS = ['apps', 'batch', 'networking.k8s.io', 'policy', 'autoscaling', 'traefik.io'];

function workloadRefusal(write: Write): string | undefined {
  const { operation, resource, namespace, name } = write;
  const isFenced =
    resource.group === ''
      ? FENCED_CORE.includes(resource.plural) || (resource.plural === 'pods' && operation !== 'DELETE')
      : FENCED_GROUPS.includes(resource.group);
  const place = resource.plural === 'namespaces' ? name : namespace;
  if (!isFenced || isOwn(place) || isRestart(write)) return undefined;
  return 'Starling writes only workloads of its own, and restarts others.';
}

function isRestart({ operation, resource, namespace, before, after }: Write): boolean {
  const podsOf = (object: Write['after']): string =>
    JSON.stringify([(object?.spec?.template as { spec?: object } | undefined)?.spec, object?.spec?.replicas]);
  return (
    operation === 'UPDATE' &&
    ['deployments', 'statefulsets'].includes(resource.plural) &&
    namespace !== 'kube-system' &&
    podsOf(before) === podsOf(after)
  );
}
