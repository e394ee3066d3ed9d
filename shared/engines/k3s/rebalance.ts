import {
  PatchStrategy,
  setHeaderOptions,
  type V1Deployment,
  type V1Node,
  type V1Pod,
  type V1StatefulSet,
} from '@kubernetes/client-node';
import type { Rebalancing } from '../../ports';
import type { KubeClients } from './connection';
import { translatedKube } from './errors';
import { listAll } from './listing';
import { isDone, rolloutOf } from './workloads/rollout';

/** An operator's "not this one", on the Deployment or StatefulSet. */
const LEAVE_OUT = 'starling.io/rebalance';
/** On the pod template: a new value makes a rolling restart, the same value none. */
const MARK = 'starling.io/rebalanced';
/** Numbers of pods on two nodes that differ by one are as even as they get. */
const UNEVEN = 2;
const MASTER = 'node-role.kubernetes.io/control-plane';

type Controller = (V1Deployment | V1StatefulSet) & { of: 'Deployment' | 'StatefulSet' };

/**
 * Restarts, rolling, what is spread unevenly: a restart only moves what the scheduler places better now, so whatever is even
 * already is left in peace. The same mark again restarts nothing twice.
 */
export function rebalance(clients: KubeClients, mark: string): Promise<Rebalancing> {
  return translatedKube('rebalance the cluster', async () => {
    const [controllers, pods, nodes] = await Promise.all([
      listControllers(clients),
      listAll((page) => clients.core.listPodForAllNamespaces({ ...page, fieldSelector: 'status.phase=Running' })),
      listAll((page) => clients.core.listNode(page)),
    ]);
    const chosen = controllers.filter(isMovable).filter((one) => isUneven(one, pods, nodes) || markOf(one) === mark);
    for (const controller of chosen) if (markOf(controller) !== mark) await restart(clients, controller, mark);
    return { restarted: chosen.map(fullName) };
  });
}

/** Those of `namespace/name` that still replace pods; what is gone has nothing to replace. */
export function rollouts(clients: KubeClients, names: string[]): Promise<string[]> {
  return translatedKube('follow the restarts', async () => {
    const controllers = await listControllers(clients);
    const isGoingOn = (one: Controller): boolean =>
      !isDone(rolloutOf(one)) || (one.status?.replicas ?? 0) > (one.spec?.replicas ?? 1);
    return names.filter((name) => controllers.some((one) => fullName(one) === name && isGoingOn(one)));
  });
}

async function listControllers({ apps }: KubeClients): Promise<Controller[]> {
  const [deployments, statefulSets] = await Promise.all([
    listAll((page) => apps.listDeploymentForAllNamespaces(page)),
    listAll((page) => apps.listStatefulSetForAllNamespaces(page)),
  ]);
  return [
    ...deployments.map((one) => ({ ...one, of: 'Deployment' as const })),
    ...statefulSets.map((one) => ({ ...one, of: 'StatefulSet' as const })),
  ];
}

const fullName = ({ metadata }: Controller): string => `${metadata?.namespace}/${metadata?.name}`;
const markOf = ({ spec }: Controller): string | undefined => spec?.template.metadata?.annotations?.[MARK];

function isMovable({ metadata, spec }: Controller): boolean {
  const labels = metadata?.labels ?? {};
  return metadata?.namespace !== 'kube-system' && labels[LEAVE_OUT] !== 'never' && (spec?.replicas ?? 1) >= UNEVEN;
}

function isUneven({ metadata, spec }: Controller, pods: V1Pod[], nodes: V1Node[]): boolean {
  const isOwn = ({ metadata: pod }: V1Pod): boolean =>
    pod?.namespace === metadata?.namespace && !pod?.deletionTimestamp;
  const own = pods.filter((pod) => isOwn(pod) && selects(spec?.selector.matchLabels ?? {}, pod));
  const usable = nodes.filter((node) => mayHold(node, spec?.template.spec?.nodeSelector ?? {}));
  const counts = new Map(usable.map(({ metadata: node }) => [node?.name, 0]));
  for (const { spec: of } of own) counts.set(of?.nodeName, (counts.get(of?.nodeName) ?? 0) + 1);
  return counts.size > 1 && Math.max(...counts.values()) - Math.min(...counts.values()) >= UNEVEN;
}

const selects = (labels: Record<string, string>, { metadata }: V1Pod): boolean =>
  Object.entries(labels).every(([key, value]) => metadata?.labels?.[key] === value);

/** Agents that take work. A master counts only for what runs on it already, since many pods are to stay off masters. */
function mayHold({ metadata, spec, status }: V1Node, nodeSelector: Record<string, string>): boolean {
  const labels = metadata?.labels ?? {};
  const isReady = status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True');
  const isTainted = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule');
  const isSelected = Object.entries(nodeSelector).every(([key, value]) => labels[key] === value);
  return Boolean(isReady) && !spec?.unschedulable && !isTainted && isSelected && !(MASTER in labels);
}

async function restart({ apps }: KubeClients, { of, metadata }: Controller, mark: string): Promise<void> {
  const body = { spec: { template: { metadata: { annotations: { [MARK]: mark } } } } };
  const patch = { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '', body };
  const asMergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  if (of === 'Deployment') await apps.patchNamespacedDeployment(patch, asMergePatch);
  else await apps.patchNamespacedStatefulSet(patch, asMergePatch);
}
