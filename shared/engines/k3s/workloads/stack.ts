import type { KubernetesObject, V1Affinity, V1Deployment, V1Volume } from '@kubernetes/client-node';
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
  stripPrefix,
} from './building-blocks';
import { namespaceOf } from './labels';

const WEB_PORT = 9898;
const REDIS_PORT = 6379;
/** The user of the image. */
const PODINFO_USER = 100;
const REDIS_USER = 999;

/** Agents first: masters have the cluster to keep. Where there are only masters, these do. */
const RATHER_ON_AGENTS: V1Affinity = {
  nodeAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 100,
        preference: {
          matchExpressions: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'DoesNotExist' }],
        },
      },
    ],
  },
};

/** A web application behind `http://<a master>/<workload>` that keeps what it is given in Redis, whose data are on the shared storage. */
export function stack(workload: string, replicas: number, dataPath: string | undefined): KubernetesObject[] {
  const path = `/${workload}`;
  const middleware = `${namespaceOf(workload)}-web@kubernetescrd`;
  return [
    redis(workload, dataPath),
    service('redis', REDIS_PORT, REDIS_PORT),
    web(workload, replicas),
    service('web', 80, WEB_PORT),
    budget('web'),
    stripPrefix('web', path),
    ingress({ name: 'web', path, port: 80 }, { 'traefik.ingress.kubernetes.io/router.middlewares': middleware }),
  ];
}

function web(workload: string, replicas: number): V1Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: named('web'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          automountServiceAccountToken: false,
          affinity: RATHER_ON_AGENTS,
          securityContext: restrictedPod(PODINFO_USER),
          topologySpreadConstraints: spread('web'),
          containers: [
            {
              name: 'web',
              image: IMAGES.podinfo,
              command: ['./podinfo', `--port=${WEB_PORT}`, `--cache-server=tcp://redis:${REDIS_PORT}`],
              env: [{ name: 'PODINFO_UI_MESSAGE', value: workload }],
              ports: [{ containerPort: WEB_PORT }],
              readinessProbe: httpProbe('/readyz', WEB_PORT),
              livenessProbe: httpProbe('/healthz', WEB_PORT),
              resources: resources('50m', '32Mi', '128Mi'),
              securityContext: CONFINED,
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [{ name: 'data', emptyDir: { sizeLimit: '64Mi' } }],
        },
      },
    },
  };
}

/** One pod: two would write the same file. So the old one goes before the new one comes. */
function redis(workload: string, dataPath: string | undefined): V1Deployment {
  const data: V1Volume = dataPath
    ? { name: 'data', hostPath: { path: `${dataPath}/${workload}`, type: 'DirectoryOrCreate' } }
    : { name: 'data', emptyDir: {} };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: named('redis'),
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: { app: 'redis' } },
      template: {
        metadata: { labels: { app: 'redis' } },
        spec: {
          automountServiceAccountToken: false,
          affinity: RATHER_ON_AGENTS,
          // On a share every file is root's, whoever writes it; elsewhere nothing needs root.
          securityContext: dataPath ? { seccompProfile: { type: 'RuntimeDefault' } } : restrictedPod(REDIS_USER),
          containers: [
            {
              name: 'redis',
              image: IMAGES.redis,
              command: ['redis-server', '--dir', '/data', '--save', '60', '1', '--maxmemory', '96mb'],
              ports: [{ containerPort: REDIS_PORT }],
              readinessProbe: { tcpSocket: { port: REDIS_PORT }, periodSeconds: 5 },
              livenessProbe: { tcpSocket: { port: REDIS_PORT }, periodSeconds: 10 },
              resources: resources('50m', '64Mi', '192Mi'),
              securityContext: CONFINED,
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [data],
        },
      },
    },
  };
}
