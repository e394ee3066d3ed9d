import type { KubernetesObject } from '@kubernetes/client-node';

/** How the API calls the objects of a kind. All of them live in a namespace. */
export interface Kind {
  apiVersion: string;
  kind: string;
  plural: string;
}

/**
 * What a workload may consist of, just what `starling-rbac.yaml` lets Starling write. Nothing that gives rights, and nothing
 * that is not in a namespace. In the order in which they are made: what is mounted before what mounts it.
 */
export const KINDS: readonly Kind[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' },
  { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' },
  { apiVersion: 'v1', kind: 'Secret', plural: 'secrets' },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', plural: 'persistentvolumeclaims' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', plural: 'networkpolicies' },
  { apiVersion: 'v1', kind: 'Service', plural: 'services' },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets' },
  { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments' },
  { apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', plural: 'daemonsets' },
  { apiVersion: 'batch/v1', kind: 'Job', plural: 'jobs' },
  { apiVersion: 'batch/v1', kind: 'CronJob', plural: 'cronjobs' },
  { apiVersion: 'v1', kind: 'Pod', plural: 'pods' },
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers' },
  { apiVersion: 'traefik.io/v1alpha1', kind: 'Middleware', plural: 'middlewares' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', plural: 'ingresses' },
];

/** Undefined for a kind that no workload may have. */
export const kindOf = ({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Kind | undefined =>
  KINDS.find((known) => known.apiVersion === apiVersion && known.kind === kind);

/** `/apis/apps/v1/namespaces/<namespace>/deployments/<name>` */
export function pathOf({ apiVersion, plural }: Kind, namespace: string, name: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}/namespaces/${namespace}/${plural}/${encodeURIComponent(name)}`;
}
