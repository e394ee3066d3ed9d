import { timingSafeEqual } from 'node:crypto';
import type { ClusterRecord } from './clusters';
import type { KubeObject } from './kube-object';
import type { KubeObjects } from './objects';
import { KubeError, unauthorized } from './status';

/** Who asks: a ServiceAccount's user name. */
export interface Caller {
  user: string;
}

/** What is asked for, as Kubernetes' authorizers see it. `resource` includes a subresource: `pods/eviction`. */
export interface Attributes {
  verb: string;
  group: string;
  resource: string;
  namespace: string;
  name: string;
}

/** Only the ServiceAccount's bearer token is known here; anonymous requests are refused, as k3s is started. */
export function authenticate(cluster: ClusterRecord, authorization: string | undefined): Caller {
  const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
  const { credential } = cluster;
  if (!credential || !sameText(token, credential.token)) throw unauthorized();
  return { user: credential.user };
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

interface Rule {
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  verbs: string[];
}

interface Binding extends KubeObject {
  roleRef: { kind: string; name: string };
  subjects?: { kind: string; name: string; namespace?: string }[];
}

/** RBAC over the roles and bindings that are in the cluster. */
export function authorize(objects: KubeObjects, caller: Caller, wanted: Attributes): void {
  if (rulesFor(objects, caller, wanted.namespace).some((rule) => permits(rule, wanted))) return;
  const { resource, group, verb, namespace, name } = wanted;
  const quotedName = name === '' ? '' : ` "${name}"`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const kind = group === '' ? resource.split('/')[0] : `${resource.split('/')[0]}.${group}`;
  const what = `User "${caller.user}" cannot ${verb} resource "${resource}" in API group "${group}" ${scope}`;
  throw new KubeError(403, 'Forbidden', `${kind}${quotedName} is forbidden: ${what}`, { name, kind: resource });
}

function rulesFor(objects: KubeObjects, caller: Caller, namespace: string): Rule[] {
  const bound = (plural: string, scope?: string): Binding[] =>
    (objects.list(plural, scope) as Binding[]).filter((binding) => names(binding, caller));
  const rules = (binding: Binding): Rule[] => {
    const [plural, scope] =
      binding.roleRef.kind === 'ClusterRole' ? ['clusterroles', ''] : ['roles', binding.metadata.namespace ?? ''];
    return (objects.find(plural, scope, binding.roleRef.name)?.rules ?? []) as Rule[];
  };
  const inNamespace = namespace === '' ? [] : bound('rolebindings', namespace);
  return [...bound('clusterrolebindings'), ...inNamespace].flatMap(rules);
}

const names = (binding: Binding, caller: Caller): boolean =>
  (binding.subjects ?? []).some(
    ({ kind, name, namespace }) =>
      kind === 'ServiceAccount' && caller.user === `system:serviceaccount:${namespace ?? ''}:${name}`,
  );

function permits(rule: Rule, wanted: Attributes): boolean {
  const includes = (list: string[] | undefined, value: string): boolean =>
    (list ?? []).includes('*') || (list ?? []).includes(value);
  const nameAllowed = !rule.resourceNames?.length || rule.resourceNames.includes(wanted.name);
  return (
    includes(rule.verbs, wanted.verb) &&
    includes(rule.apiGroups, wanted.group) &&
    includes(rule.resources, wanted.resource) &&
    nameAllowed
  );
}

/** A write to a Secret, as an admission policy sees it. */
export interface SecretWrite {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  secret: Pick<KubeObject, 'metadata' | 'type' | 'data' | 'stringData'>;
}

/**
 * The fence of cluster.md 1.3: the right to make Secrets in kube-system is near-admin, so a bound
 * ValidatingAdmissionPolicy lets through bootstrap tokens only. Its CEL is not run: what the product's policy says is
 * repeated here, and holds only while the cluster has one. Without a bound policy everything passes, as it really would.
 */
export function admitSecretWrite(objects: KubeObjects, write: SecretWrite): void {
  const policies = objects.list('validatingadmissionpolicybindings').flatMap((binding) => {
    const policy = objects.find('validatingadmissionpolicies', '', String(binding.spec?.policyName));
    return policy ? [{ policy, binding }] : [];
  });
  const why = fenceRefusal(write);
  const [fence] = policies;
  if (!fence || why === undefined) return;
  const [validation] = (fence.policy.spec?.validations ?? []) as { reason?: string }[];
  // Kubernetes' default reason of a failed validation is Invalid, which is 422 in spite of the wording.
  const reason = validation?.reason ?? 'Invalid';
  const by = `ValidatingAdmissionPolicy '${fence.policy.metadata.name}' with binding '${fence.binding.metadata.name}'`;
  const message = `secrets "${write.secret.metadata.name}" is forbidden: ${by} denied request: ${why}`;
  throw new KubeError(reason === 'Forbidden' ? 403 : 422, reason, message);
}

function fenceRefusal({ operation, secret }: SecretWrite): string | undefined {
  const { name, namespace } = secret.metadata;
  const isBootstrapName = namespace === 'kube-system' && name.startsWith('bootstrap-token-');
  const isPassword = namespace === 'kube-system' && name.endsWith('.node-password.k3s');
  const expires = { ...secret.data, ...secret.stringData }.expiration !== undefined;
  if (operation === 'UPDATE') return 'Starling changes no Secret.';
  if (operation === 'DELETE')
    return isBootstrapName || isPassword
      ? undefined
      : 'Starling deletes only bootstrap tokens and the passwords of nodes.';
  const isBootstrap = isBootstrapName && secret.type === 'bootstrap.kubernetes.io/token' && expires;
  return isBootstrap ? undefined : 'Starling creates only bootstrap tokens that expire.';
}
