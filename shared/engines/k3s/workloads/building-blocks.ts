import type {
  KubernetesObject,
  V1Container,
  V1Ingress,
  V1ObjectMeta,
  V1PodDisruptionBudget,
  V1PodSpec,
  V1Probe,
  V1SecurityContext,
  V1Service,
  V1TopologySpreadConstraint,
} from '@kubernetes/client-node';

/** Images by tag, raised with each release of Starling. */
export const IMAGES = {
  headlamp: 'ghcr.io/headlamp-k8s/headlamp:v0.39.0',
  whoami: 'docker.io/traefik/whoami:v1.11.0',
  podinfo: 'ghcr.io/stefanprodan/podinfo:6.9.1',
  redis: 'docker.io/library/redis:7.4.6-alpine',
  registry: 'docker.io/library/registry:3.0.0',
} as const;

/** Nothing that a web server needs is left, so that a hole in one is a hole in nothing else. */
export const CONFINED: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** A user that no image and no machine has. */
const NOBODY = 65_534;

/** What Kubernetes calls the restricted standard. */
export const restrictedPod = (user: number = NOBODY): V1PodSpec['securityContext'] => ({
  runAsNonRoot: true,
  runAsUser: user,
  runAsGroup: user,
  fsGroup: user,
  seccompProfile: { type: 'RuntimeDefault' },
});

export const named = (name: string): V1ObjectMeta => ({ name, labels: { app: name } });

export const resources = (cpu: string, memory: string, limit: string): V1Container['resources'] => ({
  requests: { cpu, memory },
  limits: { memory: limit }, // no limit of CPU: it would slow down what could run
});

export const httpProbe = (path: string, port: number): V1Probe => ({ httpGet: { path, port }, periodSeconds: 5 });

/** Over nodes as evenly as they allow; a node too few is no reason not to run. */
export const spread = (name: string): V1TopologySpreadConstraint[] => [
  {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { app: name } },
  },
];

/** One at a time may be away for a drain; a single one may too, or no node with it could ever be emptied. */
export const budget = (name: string): V1PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: named(name),
  spec: { maxUnavailable: 1, selector: { matchLabels: { app: name } } },
});

export const service = (name: string, port: number, targetPort: number): V1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: named(name),
  spec: { selector: { app: name }, ports: [{ name: 'main', port, targetPort }] },
});

/** `http://<a master>/<path>`: Traefik listens on the masters only. */
export const ingress = (
  { name, path, port }: { name: string; path: string; port: number },
  annotations: Record<string, string> = {},
): V1Ingress => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { ...named(name), annotations },
  spec: {
    ingressClassName: 'traefik',
    rules: [
      { http: { paths: [{ path, pathType: 'Prefix', backend: { service: { name, port: { number: port } } } }] } },
    ],
  },
});

/** Takes the path that leads to a workload off a request, for a server that knows nothing of it. */
export const stripPrefix = (name: string, path: string): KubernetesObject & { spec: object } => ({
  apiVersion: 'traefik.io/v1alpha1',
  kind: 'Middleware',
  metadata: named(name),
  spec: { stripPrefix: { prefixes: [path] } },
});
