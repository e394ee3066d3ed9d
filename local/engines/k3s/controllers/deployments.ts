import type { Fields, KubeObject } from '../kube-object';
import {
  createPod,
  isPodReady,
  isTerminating,
  ownedBy,
  saveStatus,
  shareOf,
  templateHash,
  templateOf,
  type Pass,
} from './pass';

interface Strategy {
  type?: 'RollingUpdate' | 'Recreate';
  rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
}

/** A Deployment and its ReplicaSets: the one of its present template, and those of the templates before. */
export function rollDeployment(pass: Pass, deployment: KubeObject): void {
  const all = replicaSetsOf(pass, deployment);
  const wanted = Number(deployment.spec?.replicas ?? 1);
  const hash = templateHash(deployment);
  const fresh =
    all.find((set) => set.metadata.labels?.['pod-template-hash'] === hash) ?? newSet(pass, deployment, hash);
  const old = all.filter((set) => set.metadata.uid !== fresh.metadata.uid);
  const strategy = (deployment.spec?.strategy ?? {}) as Strategy;
  const plan = strategy.type === 'Recreate' ? recreate : roll;
  plan(pass, { fresh, old, wanted, strategy });
  for (const set of old)
    if (replicasOf(set) === 0 && pass.podsOf(set).length === 0)
      pass.objects.remove('replicasets', set.metadata.namespace ?? '', set.metadata.name);
  report(pass, deployment, fresh, old);
}

const replicaSetsOf = ({ objects }: Pass, { metadata }: KubeObject): KubeObject[] =>
  objects
    .list('replicasets', metadata.namespace)
    .filter((set) => set.metadata.ownerReferences?.[0]?.uid === metadata.uid);

const replicasOf = (set: KubeObject): number => Number(set.spec?.replicas ?? 0);

function newSet({ objects }: Pass, deployment: KubeObject, hash: string): KubeObject {
  const { name, namespace } = deployment.metadata;
  const template = templateOf(deployment);
  const labels = { ...template.metadata?.labels, 'pod-template-hash': hash };
  return objects.create('replicasets', {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: `${name}-${hash}`, namespace, labels, ownerReferences: ownedBy(deployment) },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  });
}

interface Roll {
  fresh: KubeObject;
  old: KubeObject[];
  wanted: number;
  strategy: Strategy;
}

function recreate(pass: Pass, { fresh, old, wanted }: Roll): void {
  for (const set of old) resize(pass, set, 0);
  if (old.every((set) => pass.podsOf(set).length === 0)) resize(pass, fresh, wanted);
}

/** As many more as the surge allows come, as many old ones go as may be missing; those that do not run go first. */
function roll(pass: Pass, { fresh, old, wanted, strategy }: Roll): void {
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy.rollingUpdate ?? {};
  const surge = shareOf(maxSurge, wanted, Math.ceil);
  const missing = shareOf(maxUnavailable, wanted, Math.floor);
  const oldTotal = old.reduce((sum, set) => sum + replicasOf(set), 0);
  const room = wanted + surge - oldTotal;
  resize(pass, fresh, Math.min(wanted, oldTotal === 0 ? wanted : Math.max(replicasOf(fresh), room)));
  const ready = (set: KubeObject): number => pass.podsOf(set).filter(isPodReady).length;
  let spare =
    [fresh, ...old].reduce((sum, set) => sum + ready(set), 0) - (wanted - Math.max(missing, surge > 0 ? 0 : 1));
  for (const set of old) {
    const unready = replicasOf(set) - Math.min(replicasOf(set), ready(set));
    const going = Math.min(replicasOf(set), unready + Math.max(0, spare));
    spare -= going - unready;
    resize(pass, set, replicasOf(set) - going);
  }
}

function resize({ objects }: Pass, set: KubeObject, replicas: number): void {
  if (replicasOf(set) === replicas) return;
  const current = objects.get('replicasets', set.metadata.namespace ?? '', set.metadata.name);
  objects.update('replicasets', { ...current, spec: { ...current.spec, replicas } });
}

/** Makes and ends pods until there are as many as are wanted; those that do not run go first, then the youngest. */
export function keepReplicas(pass: Pass, set: KubeObject): void {
  const wanted = replicasOf(set);
  const active = pass.podsOf(set).filter((pod) => !isTerminating(pod) && !isFinished(pod));
  let refusal: string | undefined;
  for (let missing = wanted - active.length; missing > 0 && !refusal; missing -= 1) refusal = createPod(pass, set);
  for (const pod of [...active].sort(expendability).slice(0, Math.max(0, active.length - wanted))) pass.terminate(pod);
  const conditions = refusal
    ? [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: refusal }]
    : [];
  saveStatus(pass, 'replicasets', set, { replicas: active.length, conditions });
}

const isFinished = ({ status }: KubeObject): boolean => ['Succeeded', 'Failed'].includes(String(status?.phase));

const expendability = (a: KubeObject, b: KubeObject): number =>
  Number(isPodReady(a)) - Number(isPodReady(b)) ||
  b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp);

function report(pass: Pass, deployment: KubeObject, fresh: KubeObject, old: KubeObject[]): void {
  const active = (set: KubeObject): KubeObject[] => pass.podsOf(set).filter((pod) => !isTerminating(pod));
  const pods = [fresh, ...old].flatMap(active);
  const ready = pods.filter(isPodReady).length;
  const current = pass.objects.find('replicasets', fresh.metadata.namespace ?? '', fresh.metadata.name);
  const failures = ((current?.status as Fields | undefined)?.conditions ?? []) as object[];
  saveStatus(pass, 'deployments', deployment, {
    replicas: pods.length,
    updatedReplicas: active(fresh).length,
    readyReplicas: ready,
    availableReplicas: ready,
    conditions: failures,
  });
}
