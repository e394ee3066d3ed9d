import type {
  KubernetesObject,
  V1DaemonSet,
  V1Deployment,
  V1NetworkPolicy,
  V1ServiceAccount,
} from '@kubernetes/client-node';
import {
  budget,
  CONFINED,
  httpProbe,
  IMAGES,
  ingress,
  named,
  resources,
  restrictedPod,
  service,
  spread,
} from './building-blocks';

const WEB_PORT = 8080;

const whoami = (path: string) => ({
  name: 'web',
  image: IMAGES.whoami,
  args: ['--port', `${WEB_PORT}`, '--name', path],
  ports: [{ containerPort: WEB_PORT }],
  readinessProbe: httpProbe('/health', WEB_PORT),
  livenessProbe: httpProbe('/health', WEB_PORT),
  resources: resources('50m', '16Mi', '64Mi'),
  securityContext: CONFINED,
});

/** A small web server that says which pod answers, behind `http://<a master>/<workload>`. */
export function replicated(workload: string, replicas: number): KubernetesObject[] {
  const path = `/${workload}`;
  const deployment: V1Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: named('web'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          automountServiceAccountToken: false,
          securityContext: restrictedPod(),
          topologySpreadConstraints: spread('web'),
          containers: [whoami(workload)],
        },
      },
    },
  };
  return [deployment, service('web', 80, WEB_PORT), budget('web'), ingress({ name: 'web', path, port: 80 })];
}

/** The same server, one pod on every node, masters too: each node answers from itself. */
export function global(workload: string): KubernetesObject[] {
  const set: V1DaemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: named('web'),
    spec: {
      selector: { matchLabels: { app: 'web' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          automountServiceAccountToken: false,
          securityContext: restrictedPod(),
          tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
          containers: [whoami(workload)],
        },
      },
    },
  };
  return [set, service('web', 80, WEB_PORT), ingress({ name: 'web', path: `/${workload}`, port: 80 })];
}

const MONITOR_PORT = 4466;
/** Where the image keeps its pages. Headlamp writes the path that it is served at into them when it starts. */
const PAGES = '/headlamp/frontend';

/** The image itself cannot be written to, so the pages are copied first. */
const copyPages = {
  name: 'pages',
  image: IMAGES.headlamp,
  command: ['cp', '-R', `${PAGES}/.`, '/pages'],
  resources: resources('50m', '64Mi', '256Mi'),
  securityContext: CONFINED,
  volumeMounts: [{ name: 'pages', mountPath: '/pages' }],
};

const headlamp = {
  name: 'headlamp',
  image: IMAGES.headlamp,
  args: ['-in-cluster', '-base-url=/monitor', '-plugins-dir=/headlamp/plugins'],
  env: [{ name: 'HOME', value: '/tmp' }], // it keeps a folder for settings there
  ports: [{ containerPort: MONITOR_PORT }],
  readinessProbe: httpProbe('/monitor/', MONITOR_PORT),
  livenessProbe: httpProbe('/monitor/', MONITOR_PORT),
  resources: resources('50m', '64Mi', '256Mi'),
  securityContext: CONFINED,
  volumeMounts: [
    { name: 'pages', mountPath: PAGES },
    { name: 'scratch', mountPath: '/tmp' },
  ],
};

/**
 * Headlamp behind `https://<a master>/monitor`. It shows what the token allows with which one signs in: that of the
 * ServiceAccount `viewer` (`kubectl -n starling-monitor create token viewer`) may look, at no Secret, and change nothing.
 */
export function monitor(): KubernetesObject[] {
  const account: V1ServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: named('viewer') };
  const deployment: V1Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: named('monitor'),
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'monitor' } },
      template: {
        metadata: { labels: { app: 'monitor' } },
        spec: {
          serviceAccountName: 'viewer',
          securityContext: restrictedPod(100), // the user of the image
          initContainers: [copyPages],
          containers: [headlamp],
          volumes: [
            { name: 'pages', emptyDir: { sizeLimit: '256Mi' } },
            { name: 'scratch', emptyDir: { sizeLimit: '64Mi' } },
          ],
        },
      },
    },
  };
  // A token is typed into it, so never without TLS.
  const encrypted = {
    'traefik.ingress.kubernetes.io/router.entrypoints': 'websecure',
    'traefik.ingress.kubernetes.io/router.tls': 'true',
  };
  const door = ingress({ name: 'monitor', path: '/monitor', port: 80 }, encrypted);
  return [account, deployment, service('monitor', 80, MONITOR_PORT), budget('monitor'), door];
}

const REGISTRY_PORT = 5000;

/**
 * A registry on every node, all on the same shared storage, for images named `localhost:5000/…`. It listens on the node's own
 * loopback address, and the policy keeps pods from it: whoever may push to it decides what runs.
 */
export function registry(directory: string): KubernetesObject[] {
  const set: V1DaemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: named('registry'),
    spec: {
      selector: { matchLabels: { app: 'registry' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%' } },
      template: {
        metadata: { labels: { app: 'registry' } },
        spec: {
          automountServiceAccountToken: false,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } }, // root: the share's files are its own
          tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
          containers: [
            {
              name: 'registry',
              image: IMAGES.registry,
              env: [{ name: 'OTEL_TRACES_EXPORTER', value: 'none' }],
              ports: [{ containerPort: REGISTRY_PORT, hostPort: REGISTRY_PORT, hostIP: '127.0.0.1' }],
              readinessProbe: httpProbe('/', REGISTRY_PORT),
              livenessProbe: httpProbe('/', REGISTRY_PORT),
              resources: resources('20m', '32Mi', '256Mi'),
              securityContext: CONFINED,
              volumeMounts: [{ name: 'images', mountPath: '/var/lib/registry' }],
            },
          ],
          // Must exist: on a node whose share is not mounted, images would go to the node's own disk and be lost.
          volumes: [{ name: 'images', hostPath: { path: directory, type: 'Directory' } }],
        },
      },
    },
  };
  const closed: V1NetworkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: named('registry'),
    spec: { podSelector: { matchLabels: { app: 'registry' } }, policyTypes: ['Ingress'] },
  };
  return [set, closed];
}
