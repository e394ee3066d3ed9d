import { PatchStrategy, setHeaderOptions, type CoreV1Api, type V1Node } from '@kubernetes/client-node';
import type { EngineAccess, EngineNode, EnginePort } from '../../ports';
import { connectApi } from './connection';
import { isKubeStatus, translatedKube } from './errors';
import { evictPods } from './eviction';
import { listAll } from './listing';
import { removeMember } from './membership';
import { operatorToken } from './operator-token';
import { inParallel } from './parallel';
import { countPending } from './pending';
import { rebalance, rollouts } from './rebalance';
import { formatToken, tokenSecret, tokenSecretName } from './token';
import { applyWorkload } from './workloads/apply';
import { listWorkloads } from './workloads/listing';
import { removeWorkload, scaleWorkload } from './workloads/scale-and-remove';

const SYSTEM = 'kube-system';
const CONCURRENCY = 8;
/** Label or annotation with which an operator keeps chaos off a node. */
const CHAOS_MARK = 'starling.io/chaos';
/** Annotation of nodes that Starling has cordoned: whoever finds it on a node that should work may uncordon it. */
const HELD_MARK = 'starling.io/cordoned';

/** k3s through its Kubernetes API. Needs a ServiceAccount that may do just what stands here, see `cloud-init`. */
export function createK3sEngine(access: EngineAccess): EnginePort {
  const clients = connectApi(access);
  const { core: api } = clients;
  return {
    listNodes: () => listNodes(api),
    getNode: (nodeName) => getNode(api, nodeName),
    async admitToken(token) {
      await translatedKube(`admit the join token ${token.id}`, () =>
        tolerating([409], api.createNamespacedSecret({ namespace: SYSTEM, body: tokenSecret(token) })),
      );
      return formatToken(access.caPem, token);
    },
    masterToken: async (given) => given,
    endTokens: (served) => revokeTokens(api, served),
    revokeTokens: (ids) => revokeTokens(api, ids),
    claimNode: async () => ({ ok: true }),
    cordon: (nodeName) => setSchedulable(api, nodeName, false),
    uncordon: (nodeName) => setSchedulable(api, nodeName, true),
    evict: (nodeName) => evictPods(api, nodeName),
    removeNode: (nodeName, uid) => removeNode(api, nodeName, uid),
    countPending: () => countPending(api),
    removeMember: (nodeName) => removeMember(api, nodeName),
    rebalance: (mark) => rebalance(clients, mark),
    rollouts: (names) => rollouts(clients, names),
    applyWorkload: (change) => applyWorkload(clients, change),
    listWorkloads: () => listWorkloads(clients),
    scaleWorkload: (name, replicas) => scaleWorkload(clients, name, replicas),
    removeWorkload: (name) => removeWorkload(clients, name),
    operatorToken: (lifetimeMs) => operatorToken(api, lifetimeMs),
  };
}

async function listNodes(api: CoreV1Api): Promise<EngineNode[]> {
  const nodes = await translatedKube('list the nodes', () => listAll((page) => api.listNode(page)));
  return nodes.map(toEngineNode);
}

async function getNode(api: CoreV1Api, name: string): Promise<EngineNode | undefined> {
  return translatedKube(`read the node ${name}`, async () => {
    try {
      return toEngineNode(await api.readNode({ name }));
    } catch (error) {
      if (isKubeStatus(error, 404)) return undefined;
      throw error;
    }
  });
}

function toEngineNode({ metadata, spec, status }: V1Node): EngineNode {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const labels = metadata?.labels ?? {};
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    ready: ready?.status === 'True',
    schedulable: spec?.unschedulable !== true,
    ...(metadata?.annotations?.[HELD_MARK] === 'true' ? { isHeld: true } : {}),
    isMaster: 'node-role.kubernetes.io/control-plane' in labels || 'node-role.kubernetes.io/master' in labels,
    address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
    since: (ready?.lastTransitionTime ?? metadata?.creationTimestamp)?.toISOString() ?? '',
    version: status?.nodeInfo?.kubeletVersion ?? '',
    bootId: status?.nodeInfo?.bootID ?? '',
    avoidsChaos: [labels, metadata?.annotations ?? {}].some((marks) => marks[CHAOS_MARK] === 'never'),
  };
}

async function revokeTokens(api: CoreV1Api, ids: string[]): Promise<void> {
  await inParallel(ids, CONCURRENCY, (id) => revokeToken(api, id));
}

async function revokeToken(api: CoreV1Api, id: string): Promise<void> {
  await translatedKube(`revoke the join token ${id}`, () =>
    tolerating([404], api.deleteNamespacedSecret({ namespace: SYSTEM, name: tokenSecretName(id) })),
  );
}

async function setSchedulable(api: CoreV1Api, name: string, schedulable: boolean): Promise<boolean> {
  const body = {
    metadata: { annotations: { [HELD_MARK]: schedulable ? null : 'true' } },
    spec: { unschedulable: schedulable ? null : true },
  };
  const asMergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  const verb = schedulable ? 'uncordon' : 'cordon';
  return translatedKube(`${verb} ${name}`, () => tolerating([404], api.patchNode({ name, body }, asMergePatch)));
}

/** Node first, then its password: k3s refuses a new machine of the same name while the old password is there. */
async function removeNode(api: CoreV1Api, name: string, uid: string): Promise<boolean> {
  if (!(await deleteNode(api, name, uid))) return false;
  await translatedKube(`remove the node password of ${name}`, () =>
    // Newer k3s removes it by itself, so that the role need not allow it.
    tolerating([403, 404], api.deleteNamespacedSecret({ namespace: SYSTEM, name: `${name}.node-password.k3s` })),
  );
  return true;
}

/** False when the name belongs to another machine now (409). */
async function deleteNode(api: CoreV1Api, name: string, uid: string): Promise<boolean> {
  return translatedKube(`remove the node ${name}`, async () => {
    try {
      await api.deleteNode({ name, body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } } });
      return true;
    } catch (error) {
      if (isKubeStatus(error, 404)) return true;
      if (isKubeStatus(error, 409)) return false;
      throw error;
    }
  });
}

/** False when the server answered with one of the statuses. */
async function tolerating(statuses: number[], call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isKubeStatus(error, ...statuses)) return false;
    throw error;
  }
}
