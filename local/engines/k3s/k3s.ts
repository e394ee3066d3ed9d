import { createSecureContext, type SecureContext } from 'node:tls';
import type { Handler, SimRequest, SimResponse } from '../../azure/http';
import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Store } from '../../store';
import { createKubeApi } from './api';
import type { KeyedCertificate } from './certificates';
import { applyManifests, newCluster, serverCertificate, serviceAccountToken, type ServerStart } from './cluster-start';
import { createClusters, type ClusterRecord, type ServerRecord } from './clusters';
import { createControl } from './control';
import { createEtcdMembers } from './etcd-members';
import { createKubeletRecords } from './kubelet-records';
import { createKubelets } from './kubelets';
import type { Boot } from './node-object';
import { KubeError, statusResponse } from './status';
import { createSupervisor, type JoinOutcome, type JoinRequest } from './supervisor';
import { expiryOf } from './tokens';
import { createWorkloads } from './workloads';

export type { ServerStart } from './cluster-start';

export interface K3s {
  /** The Kubernetes API of the cluster that answers at `serverName` (the SNI: a master's name). */
  handle(serverName: string, request: SimRequest): SimResponse;
  /** The certificate for an SNI listener; undefined when no server answers there, which is a reset connection. */
  tlsContextFor(serverName: string): SecureContext | undefined;
  /** `k3s server --cluster-init` on an empty disk. A repeat finds the cluster and starts the server. */
  initialise(start: ServerStart): Promise<void>;
  /** `k3s server --server …` on an empty disk. */
  joinServer(start: ServerStart, serverUrl: string): Promise<JoinOutcome>;
  /** `k3s agent`, on an empty disk or a used one. */
  joinAgent(request: JoinRequest): JoinOutcome;
  /**
   * A server starts with its data, in this boot and with this version of the binary; without `boot` the process only starts
   * again. False when the disk holds no data, or its member was removed from the cluster.
   */
  startServer(fqdn: string, boot?: Pick<Boot, 'bootId' | 'version'>): boolean;
  stopServer(fqdn: string): void;
  /** The disk of a server is lost, and with the last one the cluster. */
  forgetServer(fqdn: string): void;
  stopKubelet(clusterName: string, nodeName: string, machineId: string, graceful: boolean): void;
  /** What a master sends to Starling; undefined until it serves, and for ever without the ServiceAccount `starling`. */
  identityOf(fqdn: string): { ca: string; credential: string } | undefined;
  /** The Secret of that credential is deleted and made anew: the old one is worthless. False while the API does not answer. */
  renewCredential(fqdn: string): boolean;
  /** Control routes below `/_local/engine/`. */
  control: Handler;
}

export interface K3sDependencies {
  store: Store;
  clock: Clock;
  scheduler: Scheduler;
  log: (message: string) => void;
}

const LEARNER_MS = 5_000; // until the leader promotes a new member

export function createK3s({ store, clock, scheduler, log }: K3sDependencies): K3s {
  const clusters = createClusters(store, clock);
  const records = createKubeletRecords(store);
  const workloads = createWorkloads({ clusters, kubelets: records, clock, scheduler });
  const kubelets = createKubelets({ clusters, records, workloads, clock, scheduler });
  const supervisor = createSupervisor(clusters, kubelets, clock);
  const contexts = new Map<string, { pem: string; context: SecureContext }>();

  const members = createEtcdMembers({
    clusters,
    clock,
    scheduler,
    log,
    retired(uid, nodeName) {
      const server = clusters.servers(uid).find((one) => one.nodeName === nodeName);
      if (!server) return;
      clusters.saveServer({ ...server, up: false });
      kubelets.stop(uid, nodeName, server.machineId, false); // one process is server and kubelet
    },
  });
  const api = createKubeApi({
    clusters,
    workloads,
    clock,
    nodeRemoved(uid, node) {
      members.nodeRemoved(uid, node);
      kubelets.nodeRemoved(uid, node.metadata.name);
    },
    nodeChanged: members.nodeChanged,
    secretWritten(uid, secret) {
      const expiresAt = expiryOf(secret);
      if (secret.type === 'bootstrap.kubernetes.io/token' && Number.isFinite(expiresAt))
        scheduler.schedule('k3s-token-cleaner', `${uid}/${secret.metadata.name}`, expiresAt, [
          uid,
          secret.metadata.name,
        ]);
    },
  });
  scheduler.on<[string, string]>('k3s-token-cleaner', ([uid, name]) => {
    const objects = clusters.objects(uid);
    const secret = objects.find('secrets', 'kube-system', name);
    if (secret && expiryOf(secret) <= clock.now()) objects.remove('secrets', 'kube-system', name);
  });

  const serve = (start: ServerStart, cluster: ClusterRecord, certificate: KeyedCertificate): void => {
    const { fqdn, nodeName, machineId, ip } = start;
    const server: ServerRecord = {
      fqdn,
      nodeName,
      machineId,
      ip,
      certificate,
      clusterUid: cluster.uid,
      clusterName: cluster.name,
      up: true,
    };
    clusters.saveServer(server);
    kubelets.start(cluster.uid, { ...start, role: 'server' });
  };
  const startServer = (fqdn: string, boot?: Pick<Boot, 'bootId' | 'version'>): boolean => {
    const server = clusters.server(fqdn);
    const cluster = server && clusters.findCluster(server.clusterUid);
    if (!server || !cluster?.members.includes(server.nodeName)) return false;
    const hadQuorum = clusters.hasQuorum(cluster.uid);
    clusters.saveServer({ ...server, up: true });
    const { nodeName, machineId, ip } = server;
    const { bootId, version } = boot ?? records.find(cluster.uid, nodeName) ?? { bootId: '', version: cluster.version };
    kubelets.start(cluster.uid, { nodeName, machineId, ip, role: 'server', labels: {}, bootId, version });
    if (version !== cluster.version) clusters.save({ ...clusters.cluster(cluster.uid), version });
    if (!hadQuorum && clusters.hasQuorum(cluster.uid)) kubelets.controlPlaneRecovered(cluster.uid);
    return true;
  };

  return {
    startServer,
    control: createControl(clusters),
    async initialise(start) {
      if (startServer(start.fqdn, start)) return;
      const cluster = await newCluster(start);
      const certificate = serverCertificate(cluster, start);
      clusters.save(cluster);
      applyManifests(clusters.objects(cluster.uid), start.manifests);
      serve(start, cluster, certificate);
      supervisor.admitPassword(cluster.uid, start.nodeName, start.nodePassword);
      workloads.changed(cluster.uid);
      log(`k3s ${cluster.name}: initialised on ${start.nodeName}`);
    },
    async joinServer(start, serverUrl) {
      if (startServer(start.fqdn, start))
        return joined(start, clusters.server(start.fqdn)?.clusterUid ?? '', clock.now());
      const admitted = supervisor.admitServer({ ...start, serverUrl });
      if (!admitted.ok) return admitted;
      const { uid } = admitted.cluster;
      clusters.save({ ...admitted.cluster, learnerUntil: clock.now() + LEARNER_MS });
      const certificate = serverCertificate(admitted.cluster, start);
      const cluster = clusters.cluster(uid);
      clusters.save({ ...cluster, members: [...new Set([...cluster.members, start.nodeName])] });
      serve(start, cluster, certificate);
      return joined(start, uid, clock.now());
    },
    joinAgent: (request) => supervisor.joinAgent(request),
    stopServer(fqdn) {
      const server = clusters.server(fqdn);
      if (server) clusters.saveServer({ ...server, up: false });
    },
    forgetServer(fqdn) {
      contexts.delete(fqdn);
      clusters.removeServer(fqdn);
    },
    stopKubelet(clusterName, nodeName, machineId, graceful) {
      const cluster = clusters.named(clusterName);
      if (cluster) kubelets.stop(cluster.uid, nodeName, machineId, graceful);
    },
    identityOf(fqdn) {
      const server = clusters.server(fqdn);
      const cluster = server && clusters.findCluster(server.clusterUid);
      if (!server?.up || !cluster?.credential) return undefined;
      return { ca: cluster.authority.certificatePem, credential: cluster.credential.token };
    },
    renewCredential(fqdn) {
      const server = clusters.server(fqdn);
      const cluster = server?.up ? clusters.findCluster(server.clusterUid) : undefined;
      if (!cluster?.credential || !clusters.hasQuorum(cluster.uid)) return false;
      clusters.save({ ...cluster, credential: { ...cluster.credential, token: serviceAccountToken() } });
      return true;
    },
    tlsContextFor(serverName) {
      const server = clusters.server(serverName);
      if (!server?.up) return undefined;
      const { certificatePem: cert, keyPem: key } = server.certificate;
      const known = contexts.get(serverName);
      if (known?.pem === cert) return known.context;
      const context = createSecureContext({ cert, key });
      contexts.set(serverName, { pem: cert, context });
      return context;
    },
    handle(serverName, request) {
      const server = clusters.server(serverName);
      const cluster = server?.up ? clusters.findCluster(server.clusterUid) : undefined;
      if (!cluster) return { status: 503, drop: true };
      if (request.url.pathname === '/ping') return { status: 200, body: 'pong' };
      if (request.url.pathname === '/cacerts')
        return { status: 200, headers: { 'content-type': 'text/plain' }, body: cluster.authority.certificatePem };
      if (clusters.hasQuorum(cluster.uid)) return api(cluster, request);
      return statusResponse(new KubeError(503, 'ServiceUnavailable', 'etcdserver: no leader'));
    },
  };
}

const joined = ({ nodeName }: ServerStart, clusterUid: string, issuedAt: number): JoinOutcome => ({
  ok: true,
  certificate: { clusterUid, nodeName, issuedAt },
});
