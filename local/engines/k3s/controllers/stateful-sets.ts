import type { KubeObject } from '../kube-object';
import { createPod, isPodReady, isTerminating, saveStatus, templateHash, type Pass } from './pass';

const REVISION = 'controller-revision-hash';

/** One pod after the other, named by number: the next only when those before it run; changes begin at the last. */
export function keepOrdinals(pass: Pass, set: KubeObject): void {
  const wanted = Number(set.spec?.replicas ?? 1);
  const revision = templateHash(set);
  const pods = new Map(pass.podsOf(set).map((pod) => [ordinalOf(pod), pod]));
  const first = Array.from({ length: wanted }, (_, ordinal) => ordinal).find((ordinal) => !runs(pods.get(ordinal)));
  const surplus = [...pods].filter(([ordinal]) => ordinal >= wanted).sort(([a], [b]) => b - a)[0]?.[1];
  if (first !== undefined && !pods.has(first))
    createPod(pass, set, { name: `${set.metadata.name}-${first}`, labels: { [REVISION]: revision } });
  else if (first !== undefined) replaceBroken(pass, pods.get(first), revision);
  else if (surplus) pass.terminate(surplus);
  else replaceLast(pass, [...pods.values()], revision);
  report(pass, set, { pods: [...pods.values()], revision });
}

const ordinalOf = ({ metadata }: KubeObject): number => Number(metadata.name.split('-').at(-1));
const runs = (pod: KubeObject | undefined): boolean => pod !== undefined && isPodReady(pod);
const isOld = (pod: KubeObject, revision: string): boolean => pod.metadata.labels?.[REVISION] !== revision;

function replaceBroken(pass: Pass, pod: KubeObject | undefined, revision: string): void {
  if (pod && isOld(pod, revision) && !isTerminating(pod)) pass.terminate(pod);
}

function replaceLast(pass: Pass, pods: KubeObject[], revision: string): void {
  const [last] = pods.filter((pod) => isOld(pod, revision)).sort((a, b) => ordinalOf(b) - ordinalOf(a));
  if (last) pass.terminate(last);
}

function report(pass: Pass, set: KubeObject, { pods, revision }: { pods: KubeObject[]; revision: string }): void {
  const active = pods.filter((pod) => !isTerminating(pod));
  const ready = active.filter(isPodReady).length;
  saveStatus(pass, 'statefulsets', set, {
    replicas: active.length,
    updatedReplicas: active.filter((pod) => !isOld(pod, revision)).length,
    readyReplicas: ready,
    availableReplicas: ready,
  });
}
