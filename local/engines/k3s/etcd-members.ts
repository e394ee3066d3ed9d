import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Clusters } from './clusters';
import type { KubeObject } from './kube-object';
import { nameSuffix } from './objects';

const REMOVE = 'etcd.k3s.cattle.io/remove';
const REMOVED = 'etcd.k3s.cattle.io/removed-node-name';
/** Until the leader has moved, where it must, and the member is out. */
const REMOVAL_MS = 3_000;

/** Which servers vote, and the controller that takes one out when its Node asks for that or is deleted. */
export interface EtcdMembers {
  nodeChanged(clusterUid: string, node: KubeObject): void;
  nodeRemoved(clusterUid: string, node: KubeObject): void;
}

interface Dependencies {
  clusters: Clusters;
  clock: Clock;
  scheduler: Scheduler;
  /** The k3s process of a server ends: its etcd is out of the cluster for good. */
  retired: (clusterUid: string, nodeName: string) => void;
  log: (message: string) => void;
}

export function createEtcdMembers({ clusters, clock, scheduler, retired, log }: Dependencies): EtcdMembers {
  /** The disk keeps a tombstone: this server starts no more, see `startServer`. False for the only voter, which is never removed. */
  const remove = (uid: string, nodeName: string): boolean => {
    const cluster = clusters.cluster(uid);
    if (!cluster.members.includes(nodeName)) return true;
    if (cluster.members.length === 1) return false;
    clusters.save({ ...cluster, members: cluster.members.filter((member) => member !== nodeName) });
    retired(uid, nodeName);
    log(`k3s ${cluster.name}: etcd member ${nodeName} removed`);
    return true;
  };
  scheduler.on<[string, string]>('k3s-member-removal', ([uid, nodeName]) => {
    if (!clusters.findCluster(uid) || !clusters.hasQuorum(uid)) return; // the request stays on the Node
    const objects = clusters.objects(uid);
    const node = objects.find('nodes', '', nodeName);
    if (!node || !isAsked(node) || !remove(uid, nodeName)) return;
    const annotations = { ...node.metadata.annotations, [REMOVED]: `${nodeName}-${nameSuffix()}` };
    objects.update('nodes', { ...node, metadata: { ...node.metadata, annotations } });
  });
  return {
    nodeChanged(uid, { metadata: { name, annotations = {} } }) {
      if (annotations[REMOVE] !== 'true' || annotations[REMOVED]) return;
      scheduler.schedule('k3s-member-removal', `${uid}/${name}`, clock.now() + REMOVAL_MS, [uid, name]);
    },
    nodeRemoved: (uid, { metadata }) => void remove(uid, metadata.name),
  };
}

const isAsked = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.[REMOVE] === 'true' && !metadata.annotations[REMOVED];
