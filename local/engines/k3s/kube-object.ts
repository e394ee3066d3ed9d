interface Content {
  apiVersion: string;
  kind: string;
  spec?: Fields;
  status?: Fields;
  type?: string;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  [field: string]: unknown;
}

/** A Kubernetes API object as JSON. Only `metadata` has a shape of its own here; the rest is what the caller stored. */
export interface KubeObject extends Content {
  metadata: Metadata;
}

/** What a caller must give; the API server adds uid, resourceVersion and creationTimestamp. */
export interface NewKubeObject extends Content {
  metadata: Partial<Metadata>;
}

export type Fields = Record<string, unknown>;

export interface Metadata {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  generateName?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
}

export interface ResourceType {
  plural: string;
  kind: string;
  group: string;
  version: string;
  namespaced: boolean;
}

const type = (group: string, version: string, kind: string, plural: string, namespaced = true): ResourceType => ({
  plural,
  kind,
  group,
  version,
  namespaced,
});

/** The resources this API server serves; everything else is 404, as an unknown resource is in Kubernetes. */
export const RESOURCE_TYPES: readonly ResourceType[] = [
  type('', 'v1', 'Node', 'nodes', false),
  type('', 'v1', 'Namespace', 'namespaces', false),
  type('', 'v1', 'Pod', 'pods'),
  type('', 'v1', 'Secret', 'secrets'),
  type('', 'v1', 'Service', 'services'),
  type('', 'v1', 'ConfigMap', 'configmaps'),
  type('', 'v1', 'ServiceAccount', 'serviceaccounts'),
  type('apps', 'v1', 'Deployment', 'deployments'),
  type('apps', 'v1', 'DaemonSet', 'daemonsets'),
  type('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  type('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  type('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles', false),
  type('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', 'clusterrolebindings', false),
  type('rbac.authorization.k8s.io', 'v1', 'Role', 'roles'),
  type('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings'),
  type('admissionregistration.k8s.io', 'v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', false),
  type(
    'admissionregistration.k8s.io',
    'v1',
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
    false,
  ),
];

export const apiVersionOf = (resource: ResourceType): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
