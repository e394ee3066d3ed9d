import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../../clock';
import type { ClusterRecord, Clusters, ServerRecord } from './clusters';
import type { Kubelets } from './kubelets';
import { passwordSecret } from './kubelets';
import type { Registration } from './node-object';
import type { KubeObjects } from './objects';
import { caHashOf, parseToken, rolesOf } from './tokens';

export interface JoinRequest extends Registration {
  /** Names the network in which `serverUrl` is an address: the cluster's. */
  clusterName: string;
  /** Sample: `https://10.0.0.4:6443`. */
  serverUrl: string;
  token: string;
  /** From `/etc/rancher/node/password`: random, made once per disk. */
  nodePassword: string;
  /** The kubelet certificate of an earlier join, where the disk holds one. */
  certificate?: KubeletCertificate;
}

/** What stays on an agent's disk and lets it return after its token died. */
export interface KubeletCertificate {
  clusterUid: string;
  nodeName: string;
  issuedAt: number;
}

export type JoinOutcome =
  { ok: true; certificate: KubeletCertificate } | { ok: false; status: 401 | 403 | 503; message: string };

const CERTIFICATE_LIFETIME_MS = 365 * 86_400_000;
/** The supervisor serves 10 mutating agent requests at a time; one takes about half a second. */
const CONCURRENT_JOINS = 10;
const JOIN_DURATION_MS = 500;

export const REJECTED_PASSWORD =
  "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag";

type Refusal = Exclude<JoinOutcome, { ok: true }>;
const refuse = (status: Refusal['status'], message: string): Refusal => ({ ok: false, status, message });

/** The part of k3s behind `/v1-k3s`: who may become a node. */
export interface Supervisor {
  /** An agent's start: its certificate or token is checked, then its name and password, then its kubelet registers. */
  joinAgent(request: JoinRequest): JoinOutcome;
  /** The checks of a server's start against an existing cluster; the caller then adds the member. */
  admitServer(request: JoinRequest): { ok: true; cluster: ClusterRecord } | Refusal;
  /** Notes the node's password, or compares it with the noted one. */
  admitPassword(clusterUid: string, nodeName: string, password: string): Refusal | undefined;
}

export function createSupervisor(clusters: Clusters, kubelets: Kubelets, clock: Clock): Supervisor {
  const recentJoins = new Map<string, number[]>();
  const isBusy = (uid: string): boolean => {
    const underWay = (recentJoins.get(uid) ?? []).filter((at) => at + JOIN_DURATION_MS > clock.now());
    const busy = underWay.length >= CONCURRENT_JOINS;
    recentJoins.set(uid, busy ? underWay : [...underWay, clock.now()]);
    return busy;
  };
  const reach = (request: JoinRequest): { server: ServerRecord; cluster: ClusterRecord } | Refusal => {
    const server = clusters.serverAt(request.clusterName, new URL(request.serverUrl).hostname);
    if (!server?.up)
      return refuse(503, `failed to get CA certs: Get "${request.serverUrl}/cacerts": connection refused`);
    if (!clusters.hasQuorum(server.clusterUid)) return refuse(503, 'apiserver not ready');
    return { server, cluster: clusters.cluster(server.clusterUid) };
  };
  const roles = (request: JoinRequest, cluster: ClusterRecord): string[] | Refusal => {
    const token = parseToken(request.token);
    if (!token) return refuse(401, 'failed to validate token: invalid token format');
    if (token.caHash !== undefined && token.caHash !== caHashOf(cluster.authority.certificatePem))
      return refuse(401, 'failed to validate token: token CA hash does not match the Cluster CA certificate hash');
    return rolesOf(cluster, clusters.objects(cluster.uid), token, clock.now());
  };
  const admitPassword = (uid: string, nodeName: string, password: string): Refusal | undefined => {
    const objects = clusters.objects(uid);
    const secret = objects.find('secrets', 'kube-system', passwordSecret(nodeName));
    if (!secret) return void notePassword(objects, nodeName, password);
    const [salt = '', hash] = Buffer.from(secret.data?.hash ?? '', 'base64')
      .toString()
      .split(':');
    return passwordHash(salt, password) === hash ? undefined : refuse(403, REJECTED_PASSWORD);
  };

  return {
    admitPassword,
    joinAgent(request) {
      const reached = reach(request);
      if ('ok' in reached) return reached;
      const { uid } = reached.cluster;
      const label = forbiddenLabel(request.labels);
      if (label) return refuse(403, `--node-labels: unknown or forbidden label ${label}`);
      const allowed = roles(request, reached.cluster);
      const isKnown = holdsCertificate(clusters.objects(uid), request, uid, clock.now());
      if ('ok' in allowed) return allowed; // even a returning agent needs a token that can be parsed
      if (!isKnown && !allowed.includes('agent')) return refuse(401, 'Unauthorized');
      if (isBusy(uid)) return refuse(503, 'too many requests');
      const rejected = admitPassword(uid, request.nodeName, request.nodePassword);
      if (rejected) return rejected;
      kubelets.start(uid, request);
      return { ok: true, certificate: { clusterUid: uid, nodeName: request.nodeName, issuedAt: clock.now() } };
    },
    admitServer(request) {
      const reached = reach(request);
      if ('ok' in reached) return reached;
      const { cluster } = reached;
      const allowed = roles(request, cluster);
      if ('ok' in allowed) return allowed;
      if (!allowed.includes('server')) return refuse(allowed.length ? 403 : 401, 'not authorized to join as a server');
      if (cluster.members.includes(request.nodeName))
        return refuse(503, 'duplicate node name found, please use a unique name for this node');
      if (cluster.learnerUntil > clock.now()) return refuse(503, 'etcdserver: too many learner members in cluster');
      const rejected = admitPassword(cluster.uid, request.nodeName, request.nodePassword);
      return rejected ?? { ok: true, cluster };
    },
  };
}

/** The certificate wins over the token, but only while its Node exists (cluster.md 1.5). */
function holdsCertificate(objects: KubeObjects, request: JoinRequest, uid: string, now: number): boolean {
  const { certificate, nodeName } = request;
  if (certificate?.clusterUid !== uid || certificate.nodeName !== nodeName) return false;
  if (now - certificate.issuedAt > CERTIFICATE_LIFETIME_MS) return false;
  return objects.find('nodes', '', nodeName) !== undefined;
}

/** NodeRestriction: a kubelet may not give itself these (cluster.md 2.2). */
const forbiddenLabel = (labels: Record<string, string>): string | undefined =>
  Object.keys(labels).find((key) => /^(node-role|node-restriction)\.kubernetes\.io\//.test(key));

function notePassword(objects: KubeObjects, nodeName: string, password: string): void {
  const salt = randomUUID();
  const hash = Buffer.from(`${salt}:${passwordHash(salt, password)}`).toString('base64');
  objects.create('secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: passwordSecret(nodeName), namespace: 'kube-system' },
    type: 'k3s.cattle.io/node-password',
    immutable: true,
    data: { hash },
  });
}

/** k3s uses scrypt; hundreds of simulated nodes in one process cannot afford that. */
const passwordHash = (salt: string, password: string): string =>
  createHash('sha256').update(`${salt}:${password}`).digest('hex');
