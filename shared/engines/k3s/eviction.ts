import type { CoreV1Api, V1Pod } from '@kubernetes/client-node';
import type { EvictionResult } from '../../ports';
import { readKubeFailure, translatedKube } from './errors';
import { listAll } from './listing';
import { inParallel } from './parallel';

/** Evictions sent at once: the API server has its own fairness, a small master has two cores. */
const CONCURRENCY = 8;

type Answer = { state: 'leaving' } | { state: 'gone' } | { state: 'blocked'; reason: string };

/** One pass of a drain: every pod that matters and is not leaving already is asked to leave. */
export async function evictPods(api: CoreV1Api, nodeName: string): Promise<EvictionResult> {
  const pods = (await listPods(api, nodeName)).filter(matters);
  const answers = await inParallel(pods, CONCURRENCY, (pod) => evictPod(api, pod));
  return {
    remaining: answers.filter(({ state }) => state !== 'gone').length,
    blocked: answers.flatMap((answer, index) =>
      answer.state === 'blocked' ? [`${nameOf(pods[index])}: ${answer.reason}`] : [],
    ),
  };
}

const listPods = (api: CoreV1Api, nodeName: string): Promise<V1Pod[]> =>
  translatedKube(`list the pods of ${nodeName}`, () =>
    listAll((page) => api.listPodForAllNamespaces({ ...page, fieldSelector: `spec.nodeName=${nodeName}` })),
  );

/** As kubectl drain: DaemonSets would start theirs again, mirror pods belong to the kubelet, finished ones hold nothing. */
function matters(pod: V1Pod): boolean {
  const isMirror = pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined;
  const isDaemon = (pod.metadata?.ownerReferences ?? []).some(
    ({ kind, controller }) => kind === 'DaemonSet' && controller,
  );
  const isFinished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  return !isMirror && !isDaemon && !isFinished;
}

async function evictPod(api: CoreV1Api, pod: V1Pod): Promise<Answer> {
  if (pod.metadata?.deletionTimestamp) return { state: 'leaving' };
  try {
    await sendEviction(api, pod);
    return { state: 'leaving' };
  } catch (error) {
    const answer = readAnswer(error);
    if (answer) return answer;
    return translatedKube(`evict ${nameOf(pod)}`, () => Promise.reject(error));
  }
}

/** With the uid: a StatefulSet makes a new pod of the same name, perhaps elsewhere already. */
function sendEviction(api: CoreV1Api, { metadata }: V1Pod): Promise<unknown> {
  const name = metadata?.name ?? '';
  const namespace = metadata?.namespace ?? '';
  return api.createNamespacedPodEviction({
    name,
    namespace,
    body: {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid: metadata?.uid } },
    },
  });
}

/** Undefined for what is a failure of the call and not an answer about the pod. */
function readAnswer(error: unknown): Answer | undefined {
  const failure = readKubeFailure(error);
  if (!failure) return undefined;
  const { status, message, causes } = failure;
  // 404: gone; 409: another pod has this name now.
  if (status === 404 || status === 409) return { state: 'gone' };
  // The whole namespace is going; its controller deletes the pod.
  if (status === 403 && causes.some(({ reason }) => reason === 'NamespaceTerminating')) return { state: 'leaving' };
  // 429: a disruption budget; 500: two budgets for one pod, which only a person can mend.
  const budget = causes.find(({ reason }) => reason === 'DisruptionBudget');
  if (status === 429) return { state: 'blocked', reason: budget?.message || message };
  if (status === 500 && /PodDisruptionBudget/i.test(message)) return { state: 'blocked', reason: message };
  return undefined;
}

const nameOf = (pod: V1Pod | undefined): string => `${pod?.metadata?.namespace ?? ''}/${pod?.metadata?.name ?? ''}`;
