import type { KubeObject } from './kube-object';
import { acceptsLabels, preference, tolerates } from './node-fit';
import type { KubeObjects } from './objects';

interface Place {
  node: KubeObject;
  milliCpu: number;
  bytes: number;
  /** Pods of each owner that are here already. */
  owners: Map<string, number>;
  hostPorts: Set<string>;
}

/**
 * What kube-scheduler does with pods that have no node yet. Of the nodes with room the one with the fewest pods of the same
 * owner, then what the pod prefers, then the most free CPU. A pod that fits nowhere is told why. Returns all pods
 * as they are then.
 */
export function bindWaitingPods(objects: KubeObjects, nodes: KubeObject[], now: number): KubeObject[] {
  const pods = objects.list('pods');
  const waiting = pods.filter((pod) => !pod.spec?.nodeName && !pod.metadata.deletionTimestamp);
  if (waiting.length === 0) return pods;
  const places = placesOf(nodes.filter(isReady), pods);
  for (const pod of waiting) {
    const [best] = places.filter((place) => fits(pod, place)).sort((a, b) => byAppeal(pod, a, b));
    if (best) bind(objects, pod, best, now);
    else notePlaceless(objects, pod, nodes.length);
  }
  return objects.list('pods');
}

function bind(objects: KubeObjects, pod: KubeObject, place: Place, now: number): void {
  take(place, pod);
  const status = { ...pod.status, startTime: new Date(now).toISOString(), conditions: [] };
  objects.update('pods', { ...pod, spec: { ...pod.spec, nodeName: place.node.metadata.name }, status });
}

function notePlaceless(objects: KubeObjects, pod: KubeObject, nodes: number): void {
  const message = `0/${nodes} nodes are available: no node has the room, the labels and the free ports that the pod asks for, or takes new pods.`;
  const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
  if (JSON.stringify(pod.status?.conditions) === JSON.stringify(conditions)) return;
  objects.update('pods', { ...pod, status: { ...pod.status, phase: 'Pending', conditions } });
}

function placesOf(nodes: KubeObject[], pods: KubeObject[]): Place[] {
  const places = new Map(
    nodes.map((node) => {
      const { cpu = '0', memory = '0' } = (node.status?.allocatable ?? {}) as Quantities;
      const place = {
        node,
        milliCpu: milliCpu(cpu),
        bytes: bytes(memory),
        owners: new Map(),
        hostPorts: new Set<string>(),
      };
      return [node.metadata.name, place];
    }),
  );
  for (const pod of pods) {
    const place = places.get(String(pod.spec?.nodeName));
    if (place && !isFinished(pod)) take(place, pod);
  }
  return [...places.values()];
}

const isFinished = ({ status }: KubeObject): boolean => ['Succeeded', 'Failed'].includes(String(status?.phase));
const ownerOf = (pod: KubeObject): string => pod.metadata.ownerReferences?.[0]?.uid ?? pod.metadata.uid;

function take(place: Place, pod: KubeObject): void {
  const { cpu, memory } = requestsOf(pod);
  place.milliCpu -= cpu;
  place.bytes -= memory;
  place.owners.set(ownerOf(pod), (place.owners.get(ownerOf(pod)) ?? 0) + 1);
  for (const port of hostPortsOf(pod)) place.hostPorts.add(port);
}

function fits(pod: KubeObject, { node, milliCpu: free, bytes: freeBytes, hostPorts }: Place): boolean {
  const { cpu, memory } = requestsOf(pod);
  const spec = pod.spec ?? {};
  return (
    cpu <= free &&
    memory <= freeBytes &&
    acceptsLabels(spec, node) &&
    tolerates(spec, node, ['NoSchedule', 'NoExecute']) &&
    !hostPortsOf(pod).some((port) => hostPorts.has(port))
  );
}

function byAppeal(pod: KubeObject, a: Place, b: Place): number {
  const siblings = (place: Place): number => place.owners.get(ownerOf(pod)) ?? 0;
  const liking = (place: Place): number => preference(pod.spec ?? {}, place.node);
  return siblings(a) - siblings(b) || liking(b) - liking(a) || b.milliCpu - a.milliCpu;
}

interface Quantities {
  cpu?: string;
  memory?: string;
}

interface Container {
  resources?: { requests?: Quantities };
  ports?: { hostPort?: number; hostIP?: string }[];
}

const containersOf = (pod: KubeObject): Container[] => (pod.spec?.containers ?? []) as Container[];

const hostPortsOf = (pod: KubeObject): string[] =>
  containersOf(pod).flatMap(({ ports = [] }) => ports.flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : [])));

const requestsOf = (pod: KubeObject): { cpu: number; memory: number } =>
  containersOf(pod).reduce(
    (sum, { resources }) => ({
      cpu: sum.cpu + milliCpu(resources?.requests?.cpu ?? '0'),
      memory: sum.memory + bytes(resources?.requests?.memory ?? '0'),
    }),
    { cpu: 0, memory: 0 },
  );

const milliCpu = (quantity: string): number =>
  String(quantity).endsWith('m') ? Number(String(quantity).slice(0, -1)) : Number(quantity) * 1000;

const UNITS: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, k: 1e3, M: 1e6, G: 1e9 };

function bytes(quantity: string): number {
  const [, number = '0', unit = ''] = /^([\d.]+)([A-Za-z]*)$/.exec(String(quantity)) ?? [];
  return Number(number) * (UNITS[unit] ?? 1);
}

export function isReady(node: KubeObject): boolean {
  const conditions = (node.status?.conditions ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}
