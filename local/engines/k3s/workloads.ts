import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Clusters } from './clusters';
import { keepDaemons } from './controllers/daemon-sets';
import { keepReplicas, rollDeployment } from './controllers/deployments';
import { collectGarbage, emptyNamespace } from './controllers/garbage';
import { runJob } from './controllers/jobs';
import { isTerminating, type Pass } from './controllers/pass';
import { isUnderWay, runPod } from './controllers/pods';
import { keepOrdinals } from './controllers/stateful-sets';
import type { KubeObject } from './kube-object';
import type { KubeletRecords } from './kubelet-records';
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
    if (isTerminating(pod)) return pod;
    const deletionTimestamp = new Date(clock.now() + graceSeconds * 1000).toISOString();
    const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
    return objects.update('pods', { ...pod, metadata });
  };
  scheduler.on<string>('k3s-workloads', (uid) => {
    pending.delete(uid);
    if (!clusters.findCluster(uid)) return;
    if (!clusters.hasQuorum(uid)) return; // asked for again when the API is back
    const objects = clusters.objects(uid);
    const nodes = objects.list('nodes');
    const answering = new Set(nodes.filter(isReady).map(({ metadata }) => metadata.name));
    const before = objects.revision();
    const busy = runPass({
      objects,
      nodes,
      now: clock.now(),
      answers: (nodeName) => answering.has(nodeName),
      kubeletRuns: (nodeName) => kubelets.isRunning(uid, nodeName),
      terminate: (pod) => void terminate(uid, pod),
    });
    // What one controller wrote the next one reads in the next pass.
    if (busy || objects.revision() !== before) changed(uid);
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

/** True while something will change by itself with time. A listing of thousands of pods is read as seldom as it can be. */
function runPass(look: Omit<Pass, 'podsOf'>): boolean {
  const { objects, nodes, now, kubeletRuns } = look;
  for (const pod of objects.list('pods')) runPod(look, pod);
  const pods = objects.list('pods');
  const pass = { ...look, podsOf: byOwner(pods) };
  for (const namespace of objects.list('namespaces').filter(isTerminating)) emptyNamespace(pass, namespace, pods);
  collectGarbage(pass, pods);
  control(pass);
  return bindWaitingPods(objects, nodes, now).some((pod) => isUnderWay(pod, kubeletRuns));
}

function control(pass: Pass): void {
  const { objects } = pass;
  for (const set of objects.list('daemonsets')) keepDaemons(pass, set);
  for (const deployment of objects.list('deployments')) rollDeployment(pass, deployment);
  for (const set of objects.list('replicasets')) keepReplicas(pass, set);
  for (const set of objects.list('statefulsets')) keepOrdinals(pass, set);
  for (const job of objects.list('jobs')) runJob(pass, job);
}

/** Read once: a cluster has thousands of pods, and each controller asks for its own. */
function byOwner(pods: KubeObject[]): Pass['podsOf'] {
  const owned = new Map<string, KubeObject[]>();
  for (const pod of pods) {
    const uid = pod.metadata.ownerReferences?.[0]?.uid ?? '';
    const siblings = owned.get(uid);
    if (siblings) siblings.push(pod);
    else owned.set(uid, [pod]);
  }
  return ({ metadata }) => owned.get(metadata.uid) ?? [];
}
