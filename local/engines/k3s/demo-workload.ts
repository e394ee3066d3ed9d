import type { Fields, NewKubeObject } from './kube-object';

const AWAY_FROM_MASTERS = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'DoesNotExist' }] },
      ],
    },
  },
};

/** A workload that gives a drain something to do: one pod on every node, and six that must run somewhere. */
export const DEMO_WORKLOAD: { plural: string; object: NewKubeObject }[] = [
  {
    plural: 'daemonsets',
    object: {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'node-agent', namespace: 'kube-system' },
      spec: podsNamed('node-agent', '10m', {}),
    },
  },
  {
    plural: 'deployments',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
      // Three fit on a node of two CPUs: the pods spread over at least two agents.
      spec: { replicas: 6, ...podsNamed('web', '600m', { affinity: AWAY_FROM_MASTERS }) },
    },
  },
];

function podsNamed(name: string, cpu: string, more: object): Fields {
  const labels = { app: name };
  const containers = [{ name, image: `local/${name}:1`, resources: { requests: { cpu } } }];
  return { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers, ...more } } };
}
