import type { V1DaemonSet, V1Deployment, V1Node, V1Pod, V1StatefulSet } from '@kubernetes/client-node';
import type { Workload } from '../../../model/workload';
import type { KubeClients } from '../connection';
import { translatedKube } from '../errors';
import { listAll } from '../listing';
import { WORKLOAD_LABEL, namespaceOf } from './labels';
import { problemsOf } from './problems';
import { readRecord, type WorkloadRecord } from './record';
import { daemonRolloutOf, rolloutOf, type DaemonPods, type Rollout } from './rollout';

/** Everything that the workloads consist of and that counts: six listings, however many workloads there are. */
interface Inventory {
  deployments: V1Deployment[];
  statefulSets: V1StatefulSet[];
  daemonSets: V1DaemonSet[];
  pods: V1Pod[];
  nodes: V1Node[];
}

export function listWorkloads(clients: KubeClients): Promise<Workload[]> {
  return translatedKube('list the workloads', async () => {
    const namespaces = await listAll((page) => clients.core.listNamespace({ ...page, labelSelector: WORKLOAD_LABEL }));
    const records = namespaces.flatMap((namespace) => readRecord(namespace) ?? []);
    if (records.length === 0) return [];
    const inventory = await takeInventory(clients);
    return records.map((record) => toWorkload(record, inventory));
  });
}

async function takeInventory({ apps, core }: KubeClients): Promise<Inventory> {
  const ours = { labelSelector: WORKLOAD_LABEL };
  const [deployments, statefulSets, daemonSets, pods, nodes] = await Promise.all([
    listAll((page) => apps.listDeploymentForAllNamespaces({ ...page, ...ours })),
    listAll((page) => apps.listStatefulSetForAllNamespaces({ ...page, ...ours })),
    listAll((page) => apps.listDaemonSetForAllNamespaces({ ...page, ...ours })),
    listAll((page) => core.listPodForAllNamespaces({ ...page, ...ours })),
    listAll((page) => core.listNode(page)),
  ]);
  return { deployments, statefulSets, daemonSets, pods, nodes };
}

function toWorkload({ name, kind, objects, mark }: WorkloadRecord, all: Inventory): Workload {
  const namespace = namespaceOf(name);
  const own = <T extends { metadata?: { namespace?: string } }>(items: T[]): T[] =>
    items.filter(({ metadata }) => metadata?.namespace === namespace);
  const pods = own(all.pods);
  const deployments = own(all.deployments);
  const asleep = new Set(all.nodes.filter((node) => !isReady(node)).map(({ metadata }) => metadata?.name));
  const rollouts = [
    ...deployments.map(rolloutOf),
    ...own(all.statefulSets).map(rolloutOf),
    ...own(all.daemonSets).map((set) => daemonRolloutOf(set, podsOf(set, pods, asleep))),
    ...pods.filter(({ metadata }) => !metadata?.ownerReferences?.length).map(podRollout),
  ];
  return {
    name,
    kind,
    desired: sum(rollouts.map(({ desired }) => desired)),
    ready: sum(rollouts.map(({ ready }) => ready)),
    objects: objects.map((object) => `${object.kind} ${namespace}/${object.name}`),
    problems: problemsOf(pods, deployments),
    ...(mark && { mark }),
  };
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

const isReady = ({ status }: V1Node): boolean =>
  status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') ?? false;

function podsOf({ metadata }: V1DaemonSet, pods: V1Pod[], asleep: Set<string | undefined>): DaemonPods {
  const own = pods.filter((pod) => pod.metadata?.ownerReferences?.some(({ uid }) => uid === metadata?.uid));
  const away = own.filter((pod) => asleep.has(pod.spec?.nodeName)).length;
  return { here: own.length - away, away };
}

/** A pod that nobody keeps; one that has done its work counts as running. */
function podRollout({ status }: V1Pod): Rollout {
  const isUp = status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True');
  return { desired: 1, ready: isUp || status?.phase === 'Succeeded' ? 1 : 0 };
}
