import type { V1Deployment, V1Pod } from '@kubernetes/client-node';

/** More would say no more. */
const MAX_PROBLEMS = 3;
/** What a container says while all goes well. */
const ORDINARY = ['ContainerCreating', 'PodInitializing', ''];

/** Why pods do not run, the same reason once: `web-x: ImagePullBackOff: …`. */
export function problemsOf(pods: V1Pod[], deployments: V1Deployment[]): string[] {
  const found = [...deployments.flatMap(refusedPods), ...pods.flatMap(whyNot)];
  const first = new Map(found.map(({ reason, text }) => [reason, text]).reverse() as [string, string][]);
  return [...first.values()].reverse().slice(0, MAX_PROBLEMS);
}

interface Problem {
  reason: string;
  text: string;
}

/** A quota, or pod security: the pods are not even made. */
const refusedPods = ({ metadata, status }: V1Deployment): Problem[] =>
  (status?.conditions ?? [])
    .filter(({ type, status: holds }) => type === 'ReplicaFailure' && holds === 'True')
    .map(({ reason = '', message = '' }) => ({ reason: message, text: `${metadata?.name}: ${reason}: ${message}` }));

function whyNot({ metadata, status }: V1Pod): Problem[] {
  if (metadata?.deletionTimestamp) return [];
  const name = metadata?.name ?? '';
  const unplaced = status?.conditions?.find(({ type, status: holds }) => type === 'PodScheduled' && holds === 'False');
  if (unplaced) {
    const { reason = 'Unschedulable', message = '' } = unplaced;
    return [{ reason: message, text: `${name}: ${reason}: ${message}` }];
  }
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return containers.flatMap(({ state, image }) => {
    const { reason = '', message = '' } = state?.waiting ?? {};
    return ORDINARY.includes(reason) ? [] : [{ reason: `${reason} ${image}`, text: `${name}: ${reason}: ${message}` }];
  });
}
