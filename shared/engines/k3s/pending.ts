import type { CoreV1Api, V1Pod } from '@kubernetes/client-node';
import { translatedKube } from './errors';
import { listAll } from './listing';

/**
 * Pods that wait for a node or for their start. Not those of DaemonSets: each is bound to its node, so one of a machine that
 * is parked or down waits for that machine alone and is no work that others could do.
 */
export async function countPending(core: CoreV1Api): Promise<number> {
  const pods = await translatedKube('list the pods that wait', () =>
    listAll((page) => core.listPodForAllNamespaces({ ...page, fieldSelector: 'status.phase=Pending' })),
  );
  return pods.filter((pod) => !pod.metadata?.deletionTimestamp && !isDaemon(pod)).length;
}

const isDaemon = ({ metadata }: V1Pod): boolean =>
  (metadata?.ownerReferences ?? []).some(({ kind, controller }) => kind === 'DaemonSet' && controller);
