import type { KubeObject } from './kube-object';
import type { KubeObjects } from './objects';

/** What kube-scheduler does with pods that have no node yet: the one with the most free CPU of those that fit. */
export function bindWaitingPods(objects: KubeObjects, nodes: KubeObject[]): void {
  const pods = objects.list('pods');
  const waiting = pods.filter((pod) => !pod.spec?.nodeName && !pod.metadata.deletionTimestamp);
  if (waiting.length === 0) return;
  const free = freeMilliCpu(nodes.filter(isSchedulable), pods);
  for (const pod of waiting) {
    const wanted = requestedMilliCpu(pod);
    const [best] = [...free].filter(([node, cpu]) => cpu >= wanted && accepts(pod, node)).sort(([, a], [, b]) => b - a);
    if (!best) continue;
    free.set(best[0], best[1] - wanted);
    objects.update('pods', { ...pod, spec: { ...pod.spec, nodeName: best[0].metadata.name } });
  }
}

function freeMilliCpu(nodes: KubeObject[], pods: KubeObject[]): Map<KubeObject, number> {
  const used = new Map<unknown, number>();
  for (const pod of pods) used.set(pod.spec?.nodeName, (used.get(pod.spec?.nodeName) ?? 0) + requestedMilliCpu(pod));
  return new Map(nodes.map((node) => [node, allocatableMilliCpu(node) - (used.get(node.metadata.name) ?? 0)]));
}

const milliCpu = (quantity: string): number =>
  quantity.endsWith('m') ? Number(quantity.slice(0, -1)) : Number(quantity) * 1000;

const allocatableMilliCpu = (node: KubeObject): number =>
  milliCpu((node.status?.allocatable as { cpu?: string } | undefined)?.cpu ?? '0');

function requestedMilliCpu(pod: KubeObject): number {
  const containers = (pod.spec?.containers ?? []) as { resources?: { requests?: { cpu?: string } } }[];
  return containers.reduce((sum, { resources }) => sum + milliCpu(resources?.requests?.cpu ?? '0'), 0);
}

interface Affinity {
  nodeAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: {
      nodeSelectorTerms: { matchExpressions?: { key: string; operator: string }[] }[];
    };
  };
}

/** Of node affinity only Exists and DoesNotExist, besides the plain nodeSelector. */
function accepts(pod: KubeObject, node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  const selector = (pod.spec?.nodeSelector ?? {}) as Record<string, string>;
  if (Object.entries(selector).some(([key, value]) => labels[key] !== value)) return false;
  const { nodeAffinity } = (pod.spec?.affinity ?? {}) as Affinity;
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const holds = ({ key, operator }: { key: string; operator: string }): boolean =>
    key in labels === (operator === 'Exists');
  return !terms || terms.some(({ matchExpressions = [] }) => matchExpressions.every(holds));
}

export function isReady(node: KubeObject): boolean {
  const conditions = (node.status?.conditions ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function isSchedulable(node: KubeObject): boolean {
  const taints = (node.spec?.taints ?? []) as { effect: string }[];
  return isReady(node) && !node.spec?.unschedulable && taints.every(({ effect }) => effect === 'PreferNoSchedule');
}
