import type { NewKubeObject } from './kube-object';

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
