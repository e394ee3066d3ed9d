import { RESOURCE_TYPES, type KubeObject } from '../kube-object';
import { isTerminating, type Pass } from './pass';

const CONTENT = RESOURCE_TYPES.filter(({ namespaced, plural }) => namespaced && plural !== 'pods');
/** What is made for another object, and goes with it. */
const DEPENDENTS = ['replicasets', 'pods'];
const OWNERS: Record<string, string> = {
  Deployment: 'deployments',
  ReplicaSet: 'replicasets',
  DaemonSet: 'daemonsets',
  StatefulSet: 'statefulsets',
  Job: 'jobs',
};

/** A namespace that is being deleted: everything in it goes, pods with their grace, then the namespace. */
export function emptyNamespace(pass: Pass, namespace: KubeObject, pods: KubeObject[]): void {
  const { objects } = pass;
  const { name } = namespace.metadata;
  for (const { plural } of CONTENT)
    for (const { metadata } of objects.list(plural, name)) objects.remove(plural, name, metadata.name);
  const own = pods.filter(({ metadata }) => metadata.namespace === name);
  for (const pod of own) pass.terminate(pod);
  if (own.length === 0) objects.remove('namespaces', '', name);
}

/** Follows ownerReferences, in the background as the API server does by default. */
export function collectGarbage(pass: Pass): void {
  for (const plural of DEPENDENTS)
    for (const object of pass.objects.list(plural)) {
      if (!isOrphan(pass, object) || isTerminating(object)) continue;
      if (plural === 'pods') pass.terminate(object);
      else pass.objects.remove(plural, object.metadata.namespace ?? '', object.metadata.name);
    }
}

function isOrphan({ objects }: Pass, { metadata }: KubeObject): boolean {
  const [owner] = metadata.ownerReferences ?? [];
  const plural = owner && OWNERS[owner.kind];
  if (!owner || !plural) return false;
  return objects.find(plural, metadata.namespace ?? '', owner.name)?.metadata.uid !== owner.uid;
}
