import type { Clock } from '../../clock';
import type { Store } from '../../store';
import type { Authority, KeyedCertificate } from './certificates';
import { kubeObjects, type KubeObjects } from './objects';

/** What the disks of a cluster's servers hold in common. */
export interface ClusterRecord {
  /** Made when the cluster is initialised: a cluster deployed again under its old name is another one. */
  uid: string;
  name: string;
  version: string;
  authority: Authority;
  serverToken: string;
  /** Absent: agents join with the server token, as in k3s. */
  agentToken?: string;
  /** Of the ServiceAccount `starling`, where the manifests bring one. */
  credential?: { user: string; token: string };
  /** Tokens of ServiceAccounts that were asked for and have not ended. */
  issued?: { user: string; token: string; expiresAt: number }[];
  /** Node names of the voting etcd members. */
  members: string[];
  /** etcd has one learner at a time: until then no other server may join. */
  learnerUntil: number;
  nodesCreated: number;
  /** `--cluster-cidr` of the server that initialised it; absent: k3s's default. */
  podCidr?: string;
}

/** One k3s server process; keyed by the name under which its API is reached. */
export interface ServerRecord {
  fqdn: string;
  clusterUid: string;
  clusterName: string;
  nodeName: string;
  machineId: string;
  ip: string;
  certificate: KeyedCertificate;
  up: boolean;
}

/** Which clusters and servers exist, and whether enough of them are up for the API to answer. */
export interface Clusters {
  cluster(uid: string): ClusterRecord;
  findCluster(uid: string): ClusterRecord | undefined;
  named(name: string): ClusterRecord | undefined;
  save(cluster: ClusterRecord): void;
  server(fqdn: string): ServerRecord | undefined;
  servers(clusterUid: string): ServerRecord[];
  /** Two clusters may use the same private addresses, each in a network of its own. */
  serverAt(clusterName: string, ip: string): ServerRecord | undefined;
  saveServer(server: ServerRecord): void;
  removeServer(fqdn: string): void;
  objects(uid: string): KubeObjects;
  /** More than half of the etcd members are up. */
  hasQuorum(uid: string): boolean;
}

const CLUSTERS = 'k3s-clusters';
const SERVERS = 'k3s-servers';

export function createClusters(store: Store, clock: Clock): Clusters {
  const objectsByUid = new Map<string, KubeObjects>();
  const objects = (uid: string): KubeObjects => {
    const known = objectsByUid.get(uid) ?? kubeObjects(store, clock, uid);
    objectsByUid.set(uid, known);
    return known;
  };
  const findCluster = (uid: string): ClusterRecord | undefined => store.get<ClusterRecord>(CLUSTERS, uid);
  const allServers = (): ServerRecord[] => store.list<ServerRecord>(SERVERS).map(([, server]) => server);
  const servers = (uid: string): ServerRecord[] => allServers().filter((server) => server.clusterUid === uid);
  const forgetCluster = (uid: string): void => {
    objects(uid).clear();
    objectsByUid.delete(uid);
    store.delete(CLUSTERS, uid);
  };

  return {
    findCluster,
    cluster(uid) {
      const found = findCluster(uid);
      if (!found) throw new Error(`no k3s cluster ${uid}`);
      return found;
    },
    named: (name) => store.list<ClusterRecord>(CLUSTERS).find(([, cluster]) => cluster.name === name)?.[1],
    save: (cluster) => store.put(CLUSTERS, cluster.uid, cluster),
    server: (fqdn) => store.get<ServerRecord>(SERVERS, fqdn),
    servers,
    serverAt: (clusterName, ip) =>
      allServers().find((server) => server.clusterName === clusterName && server.ip === ip),
    saveServer: (server) => store.put(SERVERS, server.fqdn, server),
    removeServer(fqdn) {
      const removed = store.get<ServerRecord>(SERVERS, fqdn);
      store.delete(SERVERS, fqdn);
      if (removed && servers(removed.clusterUid).length === 0) forgetCluster(removed.clusterUid);
    },
    objects,
    hasQuorum(uid) {
      const members = findCluster(uid)?.members ?? [];
      const up = servers(uid).filter((server) => server.up && members.includes(server.nodeName));
      return up.length > members.length / 2;
    },
  };
}
