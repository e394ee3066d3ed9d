import type { Store } from '../../store';

/** One kubelet process (or the last one) under a node name. Its node may be gone while it still runs. */
export interface KubeletRecord {
  clusterUid: string;
  nodeName: string;
  machineId: string;
  /** The Node it registered. A Node made later under the same name is not its own. */
  nodeUid: string;
  bootId: string;
  version: string;
  running: boolean;
}

export interface KubeletRecords {
  find(clusterUid: string, nodeName: string): KubeletRecord | undefined;
  list(clusterUid: string): KubeletRecord[];
  save(kubelet: KubeletRecord): void;
  forget(clusterUid: string, nodeName: string): void;
  isRunning(clusterUid: string, nodeName: string): boolean;
}

const KUBELETS = 'k3s-kubelets';

export function createKubeletRecords(store: Store): KubeletRecords {
  const find = (uid: string, nodeName: string): KubeletRecord | undefined =>
    store.get<KubeletRecord>(KUBELETS, `${uid}/${nodeName}`);
  return {
    find,
    list: (uid) => store.list<KubeletRecord>(KUBELETS, `${uid}/`).map(([, kubelet]) => kubelet),
    save: (kubelet) => store.put(KUBELETS, `${kubelet.clusterUid}/${kubelet.nodeName}`, kubelet),
    forget: (uid, nodeName) => store.delete(KUBELETS, `${uid}/${nodeName}`),
    isRunning: (uid, nodeName) => find(uid, nodeName)?.running ?? false,
  };
}
