import type { KubeObject, NewKubeObject } from './kube-object';

/** What a kubelet tells of itself when it registers. */
export interface Registration {
  nodeName: string;
  machineId: string;
  ip: string;
  role: 'server' | 'agent';
  labels: Record<string, string>;
  providerId?: string;
  /** Of the engine's binary on the disk. */
  version: string;
  /** `/proc/sys/kernel/random/boot_id` */
  bootId: string;
}

/** How the kubelet of a node fares, in the words of its Ready condition. */
export interface Readiness {
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

export const STARTING: Readiness = {
  status: 'False',
  reason: 'KubeletNotReady',
  message: 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady',
};
export const READY: Readiness = { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' };
export const SHUTTING_DOWN: Readiness = {
  status: 'False',
  reason: 'KubeletNotReady',
  message: 'node is shutting down',
};
export const LOST: Readiness = {
  status: 'Unknown',
  reason: 'NodeStatusUnknown',
  message: 'Kubelet stopped posting node status.',
};

/** Without a pod network, of which a cluster has only so many, a node never becomes Ready. */
export function newNode(registration: Registration, podCidr: string | undefined): NewKubeObject {
  const { nodeName, ip, labels, providerId, role } = registration;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: nodeName,
      labels: { ...systemLabels(nodeName, role), ...labels },
      annotations: { 'k3s.io/hostname': nodeName, 'k3s.io/internal-ip': ip },
    },
    spec: {
      ...(podCidr && { podCIDR: podCidr }),
      providerID: providerId ?? `k3s://${nodeName}`,
      taints: taintsOf(STARTING),
    },
    status: {
      addresses: [
        { type: 'InternalIP', address: ip },
        { type: 'Hostname', address: nodeName },
      ],
      capacity: { cpu: '2', memory: '4028408Ki', pods: '110' },
      allocatable: { cpu: '2', memory: '4028408Ki', pods: '110' },
      nodeInfo: nodeInfo(registration),
    },
  };
}

/** What the kubelet tells of its machine, anew at each of its starts. */
export const nodeInfo = ({ machineId, bootId, version }: Boot): Record<string, string> => ({
  machineID: machineId.replaceAll('-', ''),
  systemUUID: machineId,
  bootID: bootId,
  kernelVersion: '6.8.0-1021-azure',
  osImage: 'Ubuntu 24.04.3 LTS',
  containerRuntimeVersion: 'containerd://2.1.5-k3s1',
  kubeletVersion: version,
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: 'amd64',
});

/** Which machine, in which of its boots, runs which version. */
export type Boot = Pick<Registration, 'machineId' | 'bootId' | 'version'>;

function systemLabels(nodeName: string, role: 'server' | 'agent'): Record<string, string> {
  const server = { 'node-role.kubernetes.io/control-plane': 'true', 'node-role.kubernetes.io/etcd': 'true' };
  return {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'node.kubernetes.io/instance-type': 'k3s',
    ...(role === 'server' && server),
  };
}

interface Condition {
  type: string;
  status: string;
  lastTransitionTime: string;
  [field: string]: unknown;
}

interface Taint {
  key: string;
  effect: string;
}

const PRESSURES = ['MemoryPressure', 'DiskPressure', 'PIDPressure'];
const OWN_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** The node with new conditions and the taints that the node controller derives from them. */
export function withReadiness(node: KubeObject, readiness: Readiness, at: string): KubeObject {
  const before = new Map(((node.status?.conditions ?? []) as Condition[]).map((one) => [one.type, one]));
  const condition = (type: string, { status, reason, message }: Readiness): Condition => {
    const since = before.get(type)?.status === status ? (before.get(type)?.lastTransitionTime ?? at) : at;
    return { type, status, reason, message, lastHeartbeatTime: at, lastTransitionTime: since };
  };
  const pressure: Readiness =
    readiness === LOST ? LOST : { status: 'False', reason: 'KubeletHasSufficientResources', message: '' };
  const conditions = [...PRESSURES.map((type) => condition(type, pressure)), condition('Ready', readiness)];
  const others = ((node.spec?.taints ?? []) as Taint[]).filter(({ key }) => !OWN_TAINTS.includes(key));
  return {
    ...node,
    spec: { ...node.spec, taints: [...others, ...taintsOf(readiness)] },
    status: { ...node.status, conditions },
  };
}

function taintsOf({ status }: Readiness): Taint[] {
  if (status === 'True') return [];
  const key = OWN_TAINTS[status === 'Unknown' ? 1 : 0] ?? '';
  return [
    { key, effect: 'NoSchedule' },
    { key, effect: 'NoExecute' },
  ];
}
