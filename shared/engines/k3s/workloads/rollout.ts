import type { V1DaemonSet, V1Deployment, V1StatefulSet } from '@kubernetes/client-node';

/** Pods that should run and that run in the form that was asked for last. */
export interface Rollout {
  desired: number;
  ready: number;
}

/** Until its controller has seen the last change, what it counts is of the form before. */
const isSeen = ({ metadata, status }: V1Deployment | V1StatefulSet | V1DaemonSet): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);

export function rolloutOf(object: V1Deployment | V1StatefulSet): Rollout {
  const desired = object.spec?.replicas ?? 1;
  const { updatedReplicas = 0, readyReplicas = 0, replicas = 0 } = object.status ?? {};
  if (!isSeen(object)) return { desired, ready: 0 };
  const old = replicas - updatedReplicas; // they may be the ones that are ready
  return { desired, ready: Math.max(0, Math.min(updatedReplicas, readyReplicas - old, desired)) };
}

/** Pods of a set, by whether their machine answers. Nobody waits for those of one that does not, as a parked one. */
export interface DaemonPods {
  here: number;
  away: number;
}

/** Whether the set counts machines that do not answer depends on what it tolerates, so what is there is counted too. */
export function daemonRolloutOf(object: V1DaemonSet, { here, away }: DaemonPods): Rollout {
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0, numberReady = 0 } = object.status ?? {};
  const desired = Math.max(here, desiredNumberScheduled - away);
  if (!isSeen(object)) return { desired: Math.max(1, desired), ready: 0 };
  return { desired, ready: Math.min(updatedNumberScheduled, numberReady, desired) };
}

export const isDone = ({ desired, ready }: Rollout): boolean => ready >= desired;
