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

/** Bearer tokens of ServiceAccounts: Starling's own and those that were asked for; anonymous requests are refused. */
export function authenticate(cluster: ClusterRecord, authorization: string | undefined, now: number): Caller {
  const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
  const { credential, issued = [] } = cluster;
  const known = [...(credential ? [credential] : []), ...issued.filter(({ expiresAt }) => expiresAt > now)];
  const found = known.find((one) => sameText(token, one.token));
  if (!found) throw unauthorized();
  return { user: found.user };
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
      (kind === 'ServiceAccount' && caller.user === `system:serviceaccount:${namespace ?? ''}:${name}`) ||
      (kind === 'Group' && groupsOf(caller).includes(name)),
  );

function groupsOf({ user }: Caller): string[] {
  const namespace = user.split(':')[2] ?? '';
  return ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

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
