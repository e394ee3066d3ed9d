import type { NewKubeObject } from './kube-object';

/**
 * What stands in for the manifests of the master's customData when they bring no ServiceAccount of their own: the
 * rights that the product relies on, and no more.
 */
const NAMESPACE = 'kube-system';
const RBAC = 'rbac.authorization.k8s.io';
const SUBJECTS = [{ kind: 'ServiceAccount', name: 'starling', namespace: NAMESPACE }];

const rule = (apiGroups: string[], resources: string[], verbs: string[]): object => ({ apiGroups, resources, verbs });

export const STARLING_MANIFEST: NewKubeObject[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'starling', namespace: NAMESPACE } },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'starling' },
    rules: [
      rule([''], ['nodes'], ['get', 'list', 'watch', 'patch', 'delete']),
      rule([''], ['pods'], ['get', 'list', 'watch', 'delete']),
      rule([''], ['pods/eviction'], ['create']),
      rule([''], ['namespaces'], ['get', 'list', 'create']),
      rule([''], ['services'], ['get', 'list', 'create', 'update', 'patch', 'delete']),
      rule(['apps'], ['deployments', 'daemonsets'], ['get', 'list', 'create', 'update', 'patch', 'delete']),
      rule(['apps'], ['deployments/scale'], ['get', 'update', 'patch']),
      rule(['policy'], ['poddisruptionbudgets'], ['get', 'list']),
      rule(['coordination.k8s.io'], ['leases'], ['get', 'list']),
    ],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'starling' },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'starling' },
    subjects: SUBJECTS,
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'Role',
    metadata: { name: 'starling', namespace: NAMESPACE },
    rules: [rule([''], ['secrets'], ['get', 'list', 'create', 'delete'])],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'starling', namespace: NAMESPACE },
    roleRef: { apiGroup: RBAC, kind: 'Role', name: 'starling' },
    subjects: SUBJECTS,
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'starling-bootstrap-tokens-only' },
    spec: { validations: [{ reason: 'Forbidden' }] },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'starling-bootstrap-tokens-only' },
    spec: { policyName: 'starling-bootstrap-tokens-only', validationActions: ['Deny'] },
  },
];

const AWAY_FROM_MASTERS = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'DoesNotExist' }] },
      ],
    },
  },
};

const DEMO_LABELS = { app: 'web' };

/** A workload that gives a drain something to do: one pod on every node, and six that must run somewhere. */
export const DEMO_WORKLOAD: { plural: string; object: NewKubeObject }[] = [
  { plural: 'daemonsets', object: workload('DaemonSet', 'node-agent', 'kube-system', { app: 'node-agent' }, {}) },
  { plural: 'deployments', object: workload('Deployment', 'web', 'default', DEMO_LABELS, { replicas: 6 }) },
];

function workload(
  kind: string,
  name: string,
  namespace: string,
  labels: Record<string, string>,
  spec: object,
): NewKubeObject {
  const isDaemon = kind === 'DaemonSet';
  // Three fit on a node of two CPUs: the pods spread over at least two agents.
  const resources = { requests: { cpu: isDaemon ? '10m' : '600m' } };
  const containers = [{ name, image: `local/${name}:1`, resources }];
  const template = { metadata: { labels }, spec: { containers, ...(!isDaemon && { affinity: AWAY_FROM_MASTERS }) } };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace, labels },
    spec: { ...spec, selector: { matchLabels: labels }, template },
  };
}
