import type { Fields, KubeObject } from '../kube-object';
import { acceptsLabels, tolerates, type Toleration } from '../node-fit';
import { createPod, isPodReady, isTerminating, saveStatus, shareOf, templateHash, templateOf, type Pass } from './pass';

const REVISION = 'controller-revision-hash';

/** What the controller adds to the pods of every DaemonSet. */
const OWN_TOLERATIONS: Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];

/** One pod on every node that the template tolerates; changes go node by node, as many at a time as may be missing. */
export function keepDaemons(pass: Pass, set: KubeObject): void {
  const template = withTolerations(set);
  const revision = templateHash(set);
  const homes = pass.nodes.filter((node) =>
    tolerates(templateOf(template).spec ?? {}, node, ['NoSchedule', 'NoExecute']),
  );
  const wanted = homes.filter((node) => acceptsLabels(templateOf(set).spec ?? {}, node));
  const pods = pass.podsOf(set);
  const placed = new Set(pods.map((pod) => pod.spec?.nodeName));
  for (const { metadata } of wanted)
    if (!placed.has(metadata.name))
      createPod(pass, template, { nodeName: metadata.name, labels: { [REVISION]: revision } });
  replaceOld(pass, set, { pods, revision, desired: wanted.length });
  report(pass, set, { pods, revision, desired: wanted.length });
}

function withTolerations(set: KubeObject): KubeObject {
  const template = templateOf(set);
  const tolerations = [...((template.spec?.tolerations ?? []) as Toleration[]), ...OWN_TOLERATIONS];
  return { ...set, spec: { ...set.spec, template: { ...template, spec: { ...template.spec, tolerations } } } };
}

interface Fleet {
  pods: KubeObject[];
  revision: string;
  desired: number;
}

const isOld = (pod: KubeObject, revision: string): boolean => pod.metadata.labels?.[REVISION] !== revision;

function replaceOld(pass: Pass, set: KubeObject, { pods, revision, desired }: Fleet): void {
  const strategy = (set.spec?.updateStrategy ?? {}) as { rollingUpdate?: { maxUnavailable?: unknown } };
  const allowed = Math.max(1, shareOf(strategy.rollingUpdate?.maxUnavailable ?? 1, desired, Math.ceil));
  const old = pods.filter((pod) => isOld(pod, revision) && !isTerminating(pod));
  const idle = old.filter((pod) => !isPodReady(pod));
  let missing = desired - pods.filter(isPodReady).length;
  for (const pod of idle) pass.terminate(pod);
  for (const pod of old.filter(isPodReady)) {
    if (missing >= allowed) return;
    pass.terminate(pod);
    missing += 1;
  }
}

function report(pass: Pass, set: KubeObject, { pods, revision, desired }: Fleet): void {
  const active = pods.filter((pod) => !isTerminating(pod));
  const ready = active.filter(isPodReady).length;
  const status: Fields = {
    desiredNumberScheduled: desired,
    currentNumberScheduled: active.length,
    updatedNumberScheduled: active.filter((pod) => !isOld(pod, revision)).length,
    numberReady: ready,
    numberAvailable: ready,
    numberMisscheduled: 0,
  };
  saveStatus(pass, 'daemonsets', set, status);
}
