import { shareOf } from './controllers/pass';
import type { KubeObject } from './kube-object';
import type { KubeObjects } from './objects';
import { KubeError } from './status';

/**
 * Refuses an eviction that a PodDisruptionBudget does not allow: 429 as the eviction API answers it. Pods that do not
 * run yet or already end may always go.
 */
export function requireDisruptionBudget(objects: KubeObjects, pod: KubeObject): void {
  if (pod.status?.phase !== 'Running' || pod.metadata.deletionTimestamp) return;
  const namespace = pod.metadata.namespace ?? '';
  const budgets = objects.list('poddisruptionbudgets', namespace).filter((budget) => selects(budget, pod));
  if (budgets.length > 1)
    throw new KubeError(
      500,
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  const [budget] = budgets;
  if (!budget || allowedDisruptions(objects, budget) > 0) return;
  const message = `The disruption budget ${budget.metadata.name} does not allow another disruption at the moment`;
  throw new KubeError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message }],
  });
}

interface BudgetSpec {
  maxUnavailable?: number | string;
  minAvailable?: number | string;
  selector?: { matchLabels?: Record<string, string> };
}

const specOf = (budget: KubeObject): BudgetSpec => (budget.spec ?? {}) as BudgetSpec;

const selects = (budget: KubeObject, pod: KubeObject): boolean =>
  Object.entries(specOf(budget).selector?.matchLabels ?? {}).every(
    ([key, value]) => pod.metadata.labels?.[key] === value,
  );

function allowedDisruptions(objects: KubeObjects, budget: KubeObject): number {
  const pods = objects.list('pods', budget.metadata.namespace).filter((pod) => selects(budget, pod));
  const healthy = pods.filter((pod) => pod.status?.phase === 'Running' && !pod.metadata.deletionTimestamp).length;
  const { minAvailable, maxUnavailable = 0 } = specOf(budget);
  const expected = expectedPods(objects, pods);
  if (minAvailable !== undefined) return healthy - shareOf(minAvailable, expected, Math.ceil);
  return healthy - (expected - shareOf(maxUnavailable, expected, Math.ceil));
}

/** What the controllers of these pods want, pods without one as they are. */
function expectedPods(objects: KubeObjects, pods: KubeObject[]): number {
  const owners = new Map(
    pods.map(({ metadata }) => [metadata.ownerReferences?.[0]?.uid, metadata.ownerReferences?.[0]]),
  );
  const namespace = pods[0]?.metadata.namespace ?? '';
  const wantedBy = (uid: string | undefined): number => {
    const owner = owners.get(uid);
    if (!owner) return pods.filter(({ metadata }) => !metadata.ownerReferences?.length).length;
    const plural = { ReplicaSet: 'replicasets', StatefulSet: 'statefulsets' }[owner.kind];
    return Number((plural && objects.find(plural, namespace, owner.name)?.spec?.replicas) ?? 0);
  };
  return [...owners.keys()].reduce((sum, uid) => sum + wantedBy(uid), 0);
}
