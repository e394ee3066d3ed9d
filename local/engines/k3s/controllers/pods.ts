import type { KubeObject } from '../kube-object';
import { isTerminating, type Pass } from './pass';

const START_MS = 2_000; // images are there: a container starts within seconds
const STOP_MS = 3_000; // what an ordinary server needs after SIGTERM
const JOB_MS = 5_000; // any work is done by then

/** The kubelet's part in a pod's life. */
export function runPod({ objects, now, kubeletRuns, answers }: Omit<Pass, 'podsOf'>, pod: KubeObject): void {
  const nodeName = String(pod.spec?.nodeName ?? '');
  const isAlive = nodeName !== '' && kubeletRuns(nodeName);
  if (isTerminating(pod) && (nodeName === '' || (isAlive && stoppedBy(pod, now))))
    objects.remove('pods', pod.metadata.namespace ?? '', pod.metadata.name);
  else if (isAlive && pod.status?.phase === 'Pending' && ageMs(pod, now) >= START_MS)
    objects.update('pods', brokenImage(pod) ? notPulled(pod) : started(pod, now));
  else if (hasStarted(pod) && isUp(pod) !== (isAlive || (isUp(pod) && answers(nodeName))))
    objects.update('pods', { ...pod, status: { ...pod.status, conditions: conditionsOf(isAlive) } });
  else if (isAlive && isWork(pod) && pod.status?.phase === 'Running' && ageMs(pod, now) >= START_MS + JOB_MS)
    objects.update('pods', { ...pod, status: { ...pod.status, phase: 'Succeeded', conditions: [] } });
}

/** True while time alone will change something. */
export function isUnderWay(pod: KubeObject, kubeletRuns: Pass['kubeletRuns']): boolean {
  const nodeName = String(pod.spec?.nodeName ?? '');
  if (nodeName === '') return isTerminating(pod);
  if (!kubeletRuns(nodeName)) return false;
  if (isTerminating(pod)) return true;
  return (pod.status?.phase === 'Pending' && !isStuck(pod)) || (pod.status?.phase === 'Running' && isWork(pod));
}

interface Condition {
  type: string;
  status: string;
}

const hasStarted = ({ status }: KubeObject): boolean => status?.phase === 'Running';
const isUp = ({ status }: KubeObject): boolean =>
  ((status?.conditions ?? []) as Condition[]).some((one) => one.type === 'Ready' && one.status === 'True');

/** The node controller takes the readiness of pods whose node is silent; a kubelet that is back gives it again. */
const conditionsOf = (isReady: boolean): Condition[] => [
  { type: 'PodScheduled', status: 'True' },
  { type: 'Ready', status: isReady ? 'True' : 'False' },
];

/** Since it was bound to its node: the scheduler notes when. */
const ageMs = (pod: KubeObject, now: number): number =>
  now - Date.parse(String(pod.status?.startTime ?? pod.metadata.creationTimestamp));

function stoppedBy(pod: KubeObject, now: number): boolean {
  const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  const askedAt = Date.parse(pod.metadata.deletionTimestamp ?? '') - graceMs;
  return askedAt + Math.min(graceMs, STOP_MS) <= now;
}

const isWork = (pod: KubeObject): boolean => pod.metadata.ownerReferences?.[0]?.kind === 'Job';

interface Container {
  name: string;
  image?: string;
}
const containersOf = (pod: KubeObject): Container[] => (pod.spec?.containers ?? []) as Container[];

/** No image with this in its name can be pulled, so that people and tests can see what then happens. */
const brokenImage = (pod: KubeObject): boolean => containersOf(pod).some(({ image }) => image?.includes('broken'));

const isStuck = (pod: KubeObject): boolean => pod.status?.containerStatuses !== undefined;

function notPulled(pod: KubeObject): KubeObject {
  if (isStuck(pod)) return pod;
  const containerStatuses = containersOf(pod).map(({ name, image = '' }) => {
    const message = `Back-off pulling image "${image}": ErrImagePull: failed to pull and unpack image "${image}": not found`;
    return {
      name,
      image,
      imageID: '',
      ready: false,
      restartCount: 0,
      state: { waiting: { reason: 'ImagePullBackOff', message } },
    };
  });
  return { ...pod, status: { ...pod.status, phase: 'Pending', containerStatuses } };
}

function started(pod: KubeObject, now: number): KubeObject {
  const startedAt = new Date(now).toISOString();
  const containerStatuses = containersOf(pod).map(({ name, image = '' }) => ({
    name,
    image,
    imageID: image,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt } },
  }));
  return { ...pod, status: { ...pod.status, phase: 'Running', conditions: conditionsOf(true), containerStatuses } };
}
