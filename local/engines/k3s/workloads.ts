import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Clusters } from './clusters';
import type { Fields, KubeObject, NewKubeObject } from './kube-object';
import type { KubeletRecords } from './kubelet-records';
import { nameSuffix, type KubeObjects } from './objects';
import { bindWaitingPods, isReady } from './pod-scheduling';

/**
 * The workload controllers, the scheduler and the kubelets' part in a pod's life, as one pass per cluster that runs when
 * something changed and again while something is under way: no timer per pod.
 */
export interface Workloads {
  /** Asks for a pass soon; many requests become one pass. */
  changed(clusterUid: string): void;
  /** Begins the graceful end of a pod; with zero seconds of grace it is gone at once. */
  terminate(clusterUid: string, pod: KubeObject, graceSeconds?: number): KubeObject;
  /** Evicts what a dead node cannot finish: its pods stay Terminating until the node is deleted or comes back. */
  evictFrom(clusterUid: string, nodeName: string): void;
}

const PASS_DELAY_MS = 1_000;
const START_MS = 2_000; // images are there: a container starts within seconds
const STOP_MS = 3_000; // what an ordinary server needs after SIGTERM
const DEFAULT_GRACE_SECONDS = 30; // Kubernetes' default terminationGracePeriodSeconds

interface Dependencies {
  clusters: Clusters;
  kubelets: KubeletRecords;
  clock: Clock;
  scheduler: Scheduler;
}

export function createWorkloads({ clusters, kubelets, clock, scheduler }: Dependencies): Workloads {
  const pending = new Set<string>();
  const changed = (uid: string): void => {
    if (pending.has(uid)) return;
    pending.add(uid);
    scheduler.schedule('k3s-workloads', uid, clock.now() + PASS_DELAY_MS, uid);
  };
  const terminate = (uid: string, pod: KubeObject, graceSeconds = DEFAULT_GRACE_SECONDS): KubeObject => {
    changed(uid);
    const objects = clusters.objects(uid);
    if (graceSeconds === 0) return objects.remove('pods', pod.metadata.namespace ?? '', pod.metadata.name);
    if (pod.metadata.deletionTimestamp) return pod;
    const deletionTimestamp = new Date(clock.now() + graceSeconds * 1000).toISOString();
    const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
    return objects.update('pods', { ...pod, metadata });
  };
  scheduler.on<string>('k3s-workloads', (uid) => {
    pending.delete(uid);
    if (!clusters.findCluster(uid)) return;
    if (!clusters.hasQuorum(uid)) return; // asked for again when the API is back
    const busy = pass(clusters.objects(uid), clock.now(), (nodeName) => kubelets.isRunning(uid, nodeName));
    if (busy) changed(uid);
  });

  return {
    changed,
    terminate,
    evictFrom(uid, nodeName) {
      for (const pod of clusters.objects(uid).list('pods'))
        if (pod.spec?.nodeName === nodeName && !isDaemonPod(pod)) terminate(uid, pod);
    },
  };
}

export const isDaemonPod = (pod: KubeObject): boolean => pod.metadata.ownerReferences?.[0]?.kind === 'DaemonSet';

/** True while something will change by itself with time. */
function pass(objects: KubeObjects, now: number, kubeletRuns: (nodeName: string) => boolean): boolean {
  const nodes = objects.list('nodes');
  for (const pod of objects.list('pods')) runPod(objects, pod, now, kubeletRuns);
  for (const set of objects.list('daemonsets')) placeDaemons(objects, set, nodes);
  for (const deployment of objects.list('deployments')) keepReplicas(objects, deployment);
  bindWaitingPods(objects, nodes);
  return objects.list('pods').some((pod) => isUnderWay(pod, kubeletRuns));
}

const isUnderWay = (pod: KubeObject, kubeletRuns: (nodeName: string) => boolean): boolean => {
  const nodeName = String(pod.spec?.nodeName ?? '');
  return nodeName !== '' && kubeletRuns(nodeName) && (isTerminating(pod) || pod.status?.phase === 'Pending');
};

export const isTerminating = (pod: KubeObject): boolean => pod.metadata.deletionTimestamp !== undefined;

function runPod(objects: KubeObjects, pod: KubeObject, now: number, kubeletRuns: (nodeName: string) => boolean): void {
  const nodeName = String(pod.spec?.nodeName ?? '');
  if (nodeName === '' ? isTerminating(pod) : isTerminating(pod) && kubeletRuns(nodeName) && stoppedBy(pod, now))
    objects.remove('pods', pod.metadata.namespace ?? '', pod.metadata.name);
  else if (pod.status?.phase === 'Pending' && nodeName !== '' && kubeletRuns(nodeName) && startedBy(pod, now)) {
    const conditions = [{ type: 'Ready', status: 'True' }];
    objects.update('pods', { ...pod, status: { ...pod.status, phase: 'Running', conditions } });
  }
}

const startedBy = (pod: KubeObject, now: number): boolean =>
  Date.parse(String(pod.status?.startTime ?? pod.metadata.creationTimestamp)) + START_MS <= now;

function stoppedBy(pod: KubeObject, now: number): boolean {
  const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  const askedAt = Date.parse(pod.metadata.deletionTimestamp ?? '') - graceMs;
  return askedAt + Math.min(graceMs, STOP_MS) <= now;
}

function placeDaemons(objects: KubeObjects, set: KubeObject, nodes: KubeObject[]): void {
  const placed = new Set(podsOf(objects, set).map((pod) => pod.spec?.nodeName));
  for (const node of nodes)
    if (isReady(node) && !placed.has(node.metadata.name)) createPod(objects, set, node.metadata.name);
}

function keepReplicas(objects: KubeObjects, deployment: KubeObject): void {
  const active = podsOf(objects, deployment).filter((pod) => !isTerminating(pod));
  const wanted = Number(deployment.spec?.replicas ?? 1);
  for (let missing = wanted - active.length; missing > 0; missing -= 1) createPod(objects, deployment);
  for (const surplus of active.slice(wanted))
    objects.remove('pods', surplus.metadata.namespace ?? '', surplus.metadata.name);
  const ready = active.slice(0, wanted).filter((pod) => pod.status?.phase === 'Running').length;
  if (deployment.status?.readyReplicas === ready && deployment.status?.replicas === wanted) return;
  const status = { replicas: wanted, readyReplicas: ready, availableReplicas: ready };
  objects.update('deployments', { ...deployment, status });
}

const podsOf = (objects: KubeObjects, owner: KubeObject): KubeObject[] =>
  objects
    .list('pods', owner.metadata.namespace)
    .filter((pod) => pod.metadata.ownerReferences?.[0]?.uid === owner.metadata.uid);

function createPod(objects: KubeObjects, owner: KubeObject, nodeName?: string): void {
  const template = (owner.spec?.template ?? {}) as { metadata?: { labels?: Record<string, string> }; spec?: Fields };
  const { apiVersion, kind } = owner;
  const { name, uid, namespace } = owner.metadata;
  const pod: NewKubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name: freeName(objects, namespace ?? '', name),
      labels: template.metadata?.labels ?? {},
      // A real Deployment owns its pods through a ReplicaSet; nothing here depends on the step between.
      ownerReferences: [{ apiVersion, kind: kind === 'Deployment' ? 'ReplicaSet' : kind, name, uid, controller: true }],
    },
    spec: { ...template.spec, ...(nodeName && { nodeName }) },
    status: { phase: 'Pending' },
  };
  objects.create('pods', pod);
}

/** Five letters collide once in some thousand pods; the API server tries again as well. */
function freeName(objects: KubeObjects, namespace: string, prefix: string): string {
  const name = `${prefix}-${nameSuffix()}`;
  return objects.find('pods', namespace, name) ? freeName(objects, namespace, prefix) : name;
}
