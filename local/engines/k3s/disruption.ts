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
  maxUnavailable?: number;
  minAvailable?: number;
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
  const owners = new Set(pods.map((pod) => pod.metadata.ownerReferences?.[0]?.uid));
  const expected = objects
    .list('deployments', budget.metadata.namespace)
    .filter((deployment) => owners.has(deployment.metadata.uid))
    .reduce((sum, deployment) => sum + Number(deployment.spec?.replicas ?? 1), 0);
  return healthy - (minAvailable ?? expected - maxUnavailable);
}
