import { createHash } from 'node:crypto';
import type { Fields, KubeObject, NewKubeObject } from '../kube-object';
import { nameSuffix, type KubeObjects } from '../objects';
import { podSecurityViolation } from '../pod-security';

/** One look of all controllers at a cluster. */
export interface Pass {
  objects: KubeObjects;
  now: number;
  nodes: KubeObject[];
  kubeletRuns(nodeName: string): boolean;
  /** The node is Ready, as far as the control plane has noticed. */
  answers(nodeName: string): boolean;
  /** Begins the graceful end of a pod. */
  terminate(pod: KubeObject): void;
  /** Pods of a ReplicaSet, DaemonSet, StatefulSet or Job, those included that are ending. */
  podsOf(owner: KubeObject): KubeObject[];
}

export const isTerminating = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

export function isPodReady(pod: KubeObject): boolean {
  const conditions = (pod.status?.conditions ?? []) as { type: string; status: string }[];
  return !isTerminating(pod) && conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

interface Template {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: Fields;
}

export const templateOf = (owner: KubeObject): Template => (owner.spec?.template ?? {}) as Template;

/** Tells forms of a pod template apart, as `pod-template-hash` does. */
export const templateHash = (owner: KubeObject): string =>
  createHash('sha256')
    .update(JSON.stringify(templateOf(owner)))
    .digest('hex')
    .slice(0, 9);

export const ownedBy = ({ apiVersion, kind, metadata: { name, uid } }: KubeObject) => [
  { apiVersion, kind, name, uid, controller: true },
];

export interface NewPod {
  name?: string;
  labels?: Record<string, string>;
  nodeName?: string;
}

/** Undefined when it was made; else why the API server refused it, which the controller notes and tries again. */
export function createPod({ objects }: Pass, owner: KubeObject, more: NewPod = {}): string | undefined {
  const template = templateOf(owner);
  const namespace = owner.metadata.namespace ?? '';
  const violation = podSecurityViolation(objects.find('namespaces', '', namespace), template.spec ?? {});
  if (violation) return `pods "${owner.metadata.name}" is forbidden: ${violation}`;
  const pod: NewKubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name: more.name ?? freeName(objects, namespace, owner.metadata.name),
      labels: { ...template.metadata?.labels, ...more.labels },
      annotations: template.metadata?.annotations ?? {},
      ownerReferences: ownedBy(owner),
    },
    spec: { ...template.spec, ...(more.nodeName && { nodeName: more.nodeName }) },
    status: { phase: 'Pending' },
  };
  objects.create('pods', pod);
  return undefined;
}

/** Five letters collide once in some thousand pods; the API server tries again as well. */
function freeName(objects: KubeObjects, namespace: string, prefix: string): string {
  const name = `${prefix}-${nameSuffix()}`;
  return objects.find('pods', namespace, name) ? freeName(objects, namespace, prefix) : name;
}

/** Writes the status when it is another one: a write for nothing would go on for ever. */
export function saveStatus({ objects }: Pass, plural: string, object: KubeObject, status: Fields): void {
  const complete = { ...status, observedGeneration: object.metadata.generation ?? 1 };
  if (JSON.stringify(object.status) === JSON.stringify(complete)) return;
  const current = objects.find(plural, object.metadata.namespace ?? '', object.metadata.name);
  if (current) objects.update(plural, { ...current, status: complete });
}

/** `25%` of a number, or the number itself. */
export function shareOf(value: unknown, total: number, round: (value: number) => number): number {
  const text = String(value);
  return text.endsWith('%') ? round((Number(text.slice(0, -1)) / 100) * total) : Number(text);
}
