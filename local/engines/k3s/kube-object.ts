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
  /** Counts changes of what is wanted; of kinds that have a spec. */
  generation?: number;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  generateName?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** What each field manager applied last, the whole of it: enough to know which fields it no longer wants. */
  managedFields?: { manager: string; operation: 'Apply'; applied: unknown }[];
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
}

export interface ResourceType {
  plural: string;
  kind: string;
  group: string;
  version: string;
  namespaced: boolean;
}

const type = (apiVersion: string, kind: string, plural: string, namespaced = true): ResourceType => {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return { plural, kind, group, version, namespaced };
};

const RBAC = 'rbac.authorization.k8s.io/v1';
const ADMISSION = 'admissionregistration.k8s.io/v1';

/** The resources this API server serves; everything else is 404, as an unknown resource is in Kubernetes. */
export const RESOURCE_TYPES: readonly ResourceType[] = [
  type('v1', 'Node', 'nodes', false),
  type('v1', 'Namespace', 'namespaces', false),
  type('v1', 'Pod', 'pods'),
  type('v1', 'Secret', 'secrets'),
  type('v1', 'Service', 'services'),
  type('v1', 'ConfigMap', 'configmaps'),
  type('v1', 'ServiceAccount', 'serviceaccounts'),
  type('apps/v1', 'Deployment', 'deployments'),
  type('apps/v1', 'DaemonSet', 'daemonsets'),
  type('apps/v1', 'StatefulSet', 'statefulsets'),
  type('apps/v1', 'ReplicaSet', 'replicasets'),
  type('batch/v1', 'Job', 'jobs'),
  type('batch/v1', 'CronJob', 'cronjobs'),
  type('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  type('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  type('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  type('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  type('traefik.io/v1alpha1', 'Middleware', 'middlewares'),
  type('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  type('coordination.k8s.io/v1', 'Lease', 'leases'),
  type(RBAC, 'ClusterRole', 'clusterroles', false),
  type(RBAC, 'ClusterRoleBinding', 'clusterrolebindings', false),
  type(RBAC, 'Role', 'roles'),
  type(RBAC, 'RoleBinding', 'rolebindings'),
  type(ADMISSION, 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', false),
  type(ADMISSION, 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings', false),
];

export const apiVersionOf = (resource: ResourceType): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
