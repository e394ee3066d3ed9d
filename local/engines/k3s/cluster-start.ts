import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createAuthority, issueServerCertificate, type KeyedCertificate } from './certificates';
import type { ClusterRecord } from './clusters';
import { DEMO_WORKLOAD } from './demo-workload';
import { RESOURCE_TYPES, type NewKubeObject } from './kube-object';
import type { Registration } from './node-object';
import type { KubeObjects } from './objects';
import { parseToken } from './tokens';

/** What a master gives to k3s at its first start. */
export interface ServerStart extends Registration {
  clusterName: string;
  /** The name under which the API is reached from outside: the SNI of requests. */
  fqdn: string;
  tlsSans: string[];
  /** The server token, preset by whoever deploys the cluster. */
  token: string;
  agentToken?: string;
  nodePassword: string;
  /** What lies in `/var/lib/rancher/k3s/server/manifests`; may be empty. */
  manifests: NewKubeObject[];
  /** Network of all pods, such as `10.42.0.0/16`; each node gets a /24 of it. */
  clusterCidr?: string;
}

/** What `--cluster-init` makes of an empty disk. */
export async function newCluster(start: ServerStart): Promise<ClusterRecord> {
  const account = start.manifests.find(
    ({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name === 'starling',
  );
  return {
    uid: randomUUID(),
    name: start.clusterName,
    version: start.version,
    authority: await createAuthority(`k3s-server-ca@${start.clusterName}`),
    serverToken: parseToken(start.token)?.secret ?? start.token,
    ...(start.agentToken && { agentToken: start.agentToken }),
    ...(account && {
      credential: {
        user: `system:serviceaccount:${account.metadata.namespace}:starling`,
        token: serviceAccountToken(),
      },
    }),
    members: [start.nodeName],
    learnerUntil: 0,
    nodesCreated: 0,
    ...(start.clusterCidr && { podCidr: start.clusterCidr }),
  };
}

/** Looks like the JWT it is in a real cluster; nobody but this server reads it. */
export function serviceAccountToken(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'kubernetes/serviceaccount', jti: createHash('sha256').update(randomBytes(16)).digest('hex') };
  return `${part({ alg: 'RS256' })}.${part(claims)}.${randomBytes(48).toString('base64url')}`;
}

/** Good for every name and address under which a client may ask for this server. */
export function serverCertificate({ authority }: ClusterRecord, start: ServerStart): KeyedCertificate {
  const isAddress = (name: string): boolean => /^[\d.]+$/.test(name);
  const names = [...new Set([start.fqdn, start.nodeName, 'localhost', 'kubernetes', ...start.tlsSans])];
  const addresses = [...new Set([start.ip, '127.0.0.1', '10.43.0.1', ...names.filter(isAddress)])];
  return issueServerCertificate(
    authority,
    names.filter((name) => !isAddress(name)),
    addresses,
  );
}

const READ = ['get', 'list', 'watch'];

/** Of the roles that every cluster has, those that the product's manifest binds. */
const BUILT_IN_ROLES: NewKubeObject[] = [
  role('cluster-admin', [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]),
  role('view', [
    { apiGroups: [''], resources: ['pods', 'services', 'configmaps', 'serviceaccounts', 'namespaces'], verbs: READ },
    { apiGroups: ['apps'], resources: ['deployments', 'daemonsets', 'statefulsets', 'replicasets'], verbs: READ },
    { apiGroups: ['batch'], resources: ['jobs', 'cronjobs'], verbs: READ },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'networkpolicies'], verbs: READ },
    { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: READ },
  ]),
];

function role(name: string, rules: object[]): NewKubeObject {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
}

/** What every cluster begins with: namespaces, the manifests of the master's disk, and the demo workload. */
export function applyManifests(objects: KubeObjects, given: NewKubeObject[]): void {
  const namespace = (name: string): NewKubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const declared = new Set(given.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name));
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    if (!declared.has(name)) objects.create('namespaces', namespace(name));
  for (const role of BUILT_IN_ROLES) objects.create('clusterroles', role);
  for (const object of given) {
    const plural = RESOURCE_TYPES.find(({ kind }) => kind === object.kind)?.plural;
    if (plural) objects.create(plural, object);
  }
  for (const { plural, object } of DEMO_WORKLOAD) objects.create(plural, object);
}
