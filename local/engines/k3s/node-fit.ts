import type { Fields, KubeObject } from './kube-object';

export interface Toleration {
  key?: string;
  operator?: 'Exists' | 'Equal';
  value?: string;
  effect?: string;
}

interface Taint {
  key: string;
  value?: string;
  effect: string;
}

interface Expression {
  key: string;
  operator: string;
  values?: string[];
}

interface Term {
  matchExpressions?: Expression[];
}

interface NodeAffinity {
  requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: Term[] };
  preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; preference: Term }[];
}

/** Whether a pod of this spec bears the taints of the node that have one of the effects; a cordon is a taint as well. */
export function tolerates(podSpec: Fields, node: KubeObject, effects: string[]): boolean {
  const tolerations = (podSpec.tolerations ?? []) as Toleration[];
  const cordon: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  const taints = [...((node.spec?.taints ?? []) as Taint[]), ...(node.spec?.unschedulable ? [cordon] : [])];
  return taints
    .filter(({ effect }) => effects.includes(effect))
    .every((taint) => tolerations.some((toleration) => covers(toleration, taint)));
}

const covers = ({ key, operator, value, effect }: Toleration, taint: Taint): boolean =>
  (effect === undefined || effect === taint.effect) &&
  (key === undefined ? operator === 'Exists' : key === taint.key) &&
  (operator === 'Exists' || (value ?? '') === (taint.value ?? ''));

/** nodeSelector and required node affinity. */
export function acceptsLabels(podSpec: Fields, node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  const selector = (podSpec.nodeSelector ?? {}) as Record<string, string>;
  if (Object.entries(selector).some(([key, value]) => labels[key] !== value)) return false;
  const terms = affinityOf(podSpec).requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return !terms || terms.some((term) => matches(term, labels));
}

/** Sum of the weights of preferences that the node meets. */
export const preference = (podSpec: Fields, node: KubeObject): number =>
  (affinityOf(podSpec).preferredDuringSchedulingIgnoredDuringExecution ?? [])
    .filter(({ preference: term }) => matches(term, node.metadata.labels ?? {}))
    .reduce((sum, { weight }) => sum + weight, 0);

const affinityOf = (podSpec: Fields): NodeAffinity =>
  ((podSpec.affinity ?? {}) as { nodeAffinity?: NodeAffinity }).nodeAffinity ?? {};

const matches = ({ matchExpressions = [] }: Term, labels: Record<string, string>): boolean =>
  matchExpressions.every(({ key, operator, values = [] }) => {
    if (operator === 'Exists' || operator === 'DoesNotExist') return key in labels === (operator === 'Exists');
    return (key in labels && values.includes(labels[key] ?? '')) === (operator === 'In');
  });
