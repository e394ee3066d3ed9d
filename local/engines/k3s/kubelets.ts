import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Clusters } from './clusters';
import type { KubeObject } from './kube-object';
import type { KubeletRecord, KubeletRecords } from './kubelet-records';
import {
  LOST,
  READY,
  SHUTTING_DOWN,
  STARTING,
  newNode,
  nodeInfo,
  withReadiness,
  type Readiness,
  type Registration,
} from './node-object';
import { nextPodCidr } from './pod-network';
import type { Workloads } from './workloads';

/** The kubelets of all clusters and the controllers that watch over their nodes. */
export interface Kubelets {
  /** A kubelet starts and finds or makes its Node, which is Ready some seconds later. */
  start(clusterUid: string, registration: Registration): void;
  /** Heartbeats end. Graceful: the kubelet says so; else its silence is noticed after the grace period. */
  stop(clusterUid: string, nodeName: string, machineId: string, graceful: boolean): void;
  /** To be called after a Node object was removed, by whomever. */
  nodeRemoved(clusterUid: string, nodeName: string): void;
  /** The control plane answers again and knows nothing of what happened meanwhile. */
  controlPlaneRecovered(clusterUid: string): void;
}

const READY_AFTER_MS = 4_000; // CNI and first status post
const LOST_AFTER_MS = 40_000; // kube-controller-manager --node-monitor-grace-period, k3s keeps 40 s
const EVICT_AFTER_MS = 300_000; // default tolerationSeconds of the unreachable and not-ready taints
const GARBAGE_COLLECT_MS = 3_000; // ownerReferences are followed within seconds
const POD_GC_MS = 40_000; // podgc's quarantine for pods of a node that no longer exists
const RETRY_MS = 5_000;

interface Subject {
  clusterUid: string;
  nodeName: string;
  machineId: string;
}

interface Dependencies {
  clusters: Clusters;
  records: KubeletRecords;
  workloads: Workloads;
  clock: Clock;
  scheduler: Scheduler;
}

export function createKubelets({ clusters, records, workloads, clock, scheduler }: Dependencies): Kubelets {
  const later = (kind: string, subject: Subject, delayMs: number): void =>
    scheduler.schedule(kind, `${subject.clusterUid}/${subject.nodeName}`, clock.now() + delayMs, subject);
  const cancel = (kind: string, uid: string, nodeName: string): void => scheduler.cancel(kind, `${uid}/${nodeName}`);

  const createNode = (uid: string, registration: Registration): KubeObject => {
    const cluster = clusters.cluster(uid);
    clusters.save({ ...cluster, nodesCreated: cluster.nodesCreated + 1 });
    return clusters.objects(uid).create('nodes', newNode(registration, freePodCidr(uid, cluster.nodesCreated)));
  };
  const freePodCidr = (uid: string, created: number): string | undefined =>
    nextPodCidr(clusters.cluster(uid).podCidr, created, () => {
      const nodes = clusters.objects(uid).list('nodes');
      return new Set(nodes.map(({ spec }) => String(spec?.podCIDR)));
    });
  /** The node controller gives a network to a node that had to do without one, once one is free. */
  const hasPodNetwork = (uid: string, node: KubeObject): boolean => {
    if (node.spec?.podCIDR !== undefined) return true;
    const podCIDR = freePodCidr(uid, clusters.cluster(uid).nodesCreated);
    if (podCIDR) clusters.objects(uid).update('nodes', { ...node, spec: { ...node.spec, podCIDR } });
    return podCIDR !== undefined;
  };
  /** Undefined when the node is no longer the one that this kubelet registered. */
  const ownNode = ({
    clusterUid,
    nodeName,
    machineId,
  }: Subject): { kubelet: KubeletRecord; node: KubeObject } | undefined => {
    const kubelet = records.find(clusterUid, nodeName);
    const node = clusters.objects(clusterUid).find('nodes', '', nodeName);
    return kubelet?.machineId === machineId && node?.metadata.uid === kubelet.nodeUid ? { kubelet, node } : undefined;
  };
  const setReadiness = (subject: Subject, readiness: Readiness): void => {
    const own = ownNode(subject);
    if (!own) return;
    const at = new Date(clock.now()).toISOString();
    const { running } = own.kubelet;
    const told = running ? { ...own.node, status: { ...own.node.status, nodeInfo: nodeInfo(own.kubelet) } } : own.node;
    clusters.objects(subject.clusterUid).update('nodes', withReadiness(told, readiness, at));
    workloads.changed(subject.clusterUid);
  };

  scheduler.on<Subject>('k3s-node-ready', (subject) => {
    const own = ownNode(subject);
    if (!own?.kubelet.running) return;
    const { clusterUid } = subject;
    if (clusters.hasQuorum(clusterUid) && hasPodNetwork(clusterUid, own.node)) setReadiness(subject, READY);
    else later('k3s-node-ready', subject, RETRY_MS);
  });
  scheduler.on<Subject>('k3s-node-lost', (subject) => {
    const own = ownNode(subject);
    if (!own || own.kubelet.running || !clusters.hasQuorum(subject.clusterUid)) return;
    setReadiness(subject, LOST);
    later('k3s-node-evict', subject, EVICT_AFTER_MS);
  });
  scheduler.on<Subject>('k3s-node-evict', (subject) => {
    const own = ownNode(subject);
    if (!own || own.kubelet.running || !clusters.hasQuorum(subject.clusterUid)) return;
    workloads.evictFrom(subject.clusterUid, subject.nodeName);
  });
  scheduler.on<Subject>('k3s-node-password-gc', ({ clusterUid, nodeName }) => {
    const objects = clusters.objects(clusterUid);
    if (objects.find('nodes', '', nodeName)) return;
    const secret = objects.find('secrets', 'kube-system', passwordSecret(nodeName));
    if (secret) objects.remove('secrets', 'kube-system', secret.metadata.name);
  });
  scheduler.on<Subject>('k3s-pod-gc', ({ clusterUid, nodeName }) => {
    const objects = clusters.objects(clusterUid);
    if (objects.find('nodes', '', nodeName)) return;
    for (const pod of objects.list('pods'))
      if (pod.spec?.nodeName === nodeName) objects.remove('pods', pod.metadata.namespace ?? '', pod.metadata.name);
    workloads.changed(clusterUid);
  });

  return {
    start(uid, registration) {
      const { nodeName, machineId, bootId, version } = registration;
      const node = clusters.objects(uid).find('nodes', '', nodeName) ?? createNode(uid, registration);
      const nodeUid = node.metadata.uid;
      records.save({ clusterUid: uid, nodeName, machineId, nodeUid, bootId, version, running: true });
      cancel('k3s-node-lost', uid, nodeName);
      cancel('k3s-node-evict', uid, nodeName);
      const subject = { clusterUid: uid, nodeName, machineId };
      if (clusters.hasQuorum(uid)) setReadiness(subject, STARTING);
      later('k3s-node-ready', subject, READY_AFTER_MS);
    },
    stop(uid, nodeName, machineId, graceful) {
      const kubelet = records.find(uid, nodeName);
      if (!kubelet?.running || kubelet.machineId !== machineId) return;
      records.save({ ...kubelet, running: false });
      cancel('k3s-node-ready', uid, nodeName);
      const subject = { clusterUid: uid, nodeName, machineId };
      if (graceful && clusters.hasQuorum(uid)) setReadiness(subject, SHUTTING_DOWN);
      later('k3s-node-lost', subject, LOST_AFTER_MS);
    },
    nodeRemoved(uid, nodeName) {
      const subject = { clusterUid: uid, nodeName, machineId: '' };
      later('k3s-node-password-gc', subject, GARBAGE_COLLECT_MS);
      later('k3s-pod-gc', subject, POD_GC_MS);
      workloads.changed(uid);
    },
    controlPlaneRecovered(uid) {
      workloads.changed(uid);
      for (const { running, nodeName, machineId } of records.list(uid))
        if (!running) later('k3s-node-lost', { clusterUid: uid, nodeName, machineId }, LOST_AFTER_MS);
    },
  };
}

export const passwordSecret = (nodeName: string): string => `${nodeName}.node-password.k3s`;
