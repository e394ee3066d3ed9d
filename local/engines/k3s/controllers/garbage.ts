import { RESOURCE_TYPES, type KubeObject } from '../kube-object';
import { isTerminating, type Pass } from './pass';

const CONTENT = RESOURCE_TYPES.filter(({ namespaced, plural }) => namespaced && plural !== 'pods');
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
export function collectGarbage(pass: Pass, pods: KubeObject[]): void {
  const isOrphan = orphans(pass);
  for (const set of pass.objects.list('replicasets'))
    if (isOrphan(set)) pass.objects.remove('replicasets', set.metadata.namespace ?? '', set.metadata.name);
  for (const pod of pods) if (!isTerminating(pod) && isOrphan(pod)) pass.terminate(pod);
}

/** Each owner is looked up once. */
function orphans({ objects }: Pass): (object: KubeObject) => boolean {
  const known = new Map<string, boolean>();
  return ({ metadata }) => {
    const [owner] = metadata.ownerReferences ?? [];
    const plural = owner && OWNERS[owner.kind];
    if (!owner || !plural) return false;
    const isGone =
      known.get(owner.uid) ?? objects.find(plural, metadata.namespace ?? '', owner.name)?.metadata.uid !== owner.uid;
    known.set(owner.uid, isGone);
    return isGone;
  };
}
