import type { CoreV1Api, KubernetesObject, V1Namespace } from '@kubernetes/client-node';
import type { WorkloadKind } from '../../../model/workload';
import { isKubeStatus } from '../errors';
import { KIND_LABEL, WORKLOAD_LABEL, namespaceOf } from './labels';

/** `v1 ConfigMap settings`, one of a JSON list on the namespace: what was made, so that what a change leaves out is found. */
const OBJECTS_ANNOTATION = 'starling.io/objects';
const MARK_ANNOTATION = 'starling.io/change';

/** What is written down of a workload: labels and annotations of its namespace. */
export interface WorkloadRecord {
  name: string;
  kind: WorkloadKind;
  objects: ObjectId[];
  mark?: string;
}

export interface ObjectId {
  apiVersion: string;
  kind: string;
  name: string;
}

export const idOf = ({ apiVersion = '', kind = '', metadata }: KubernetesObject): ObjectId => ({
  apiVersion,
  kind,
  name: metadata?.name ?? '',
});

export const sameObject = (a: ObjectId, b: ObjectId): boolean =>
  a.apiVersion === b.apiVersion && a.kind === b.kind && a.name === b.name;

export function readRecord({ metadata }: V1Namespace): WorkloadRecord | undefined {
  const name = metadata?.labels?.[WORKLOAD_LABEL];
  const kind = metadata?.labels?.[KIND_LABEL];
  if (!name || !kind || metadata.name !== namespaceOf(name)) return undefined;
  const { [OBJECTS_ANNOTATION]: objects = '[]', [MARK_ANNOTATION]: mark } = metadata.annotations ?? {};
  return { name, kind: kind as WorkloadKind, objects: idsIn(objects), ...(mark && { mark }) };
}

/** An operator may have edited it; then nothing is known of what was made. */
function idsIn(text: string): ObjectId[] {
  try {
    const lines = JSON.parse(text) as string[];
    return lines.map((line) => {
      const [apiVersion = '', kind = '', name = ''] = line.split(' ');
      return { apiVersion, kind, name };
    });
  } catch {
    return [];
  }
}

/** The namespace that holds a workload. A mark only at the end of a change: a change without it broke off. */
export function namespaceFor(
  { name, kind, objects, mark }: WorkloadRecord,
  podSecurity: 'restricted' | 'privileged',
): KubernetesObject {
  const lines = objects.map(({ apiVersion, kind: of, name: called }) => `${apiVersion} ${of} ${called}`);
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespaceOf(name),
      labels: {
        [WORKLOAD_LABEL]: name,
        [KIND_LABEL]: kind,
        'pod-security.kubernetes.io/enforce': podSecurity,
      },
      annotations: { [OBJECTS_ANNOTATION]: JSON.stringify(lines), ...(mark && { [MARK_ANNOTATION]: mark }) },
    },
  };
}

/** Undefined when there is none. */
export async function findNamespace(core: CoreV1Api, workload: string): Promise<V1Namespace | undefined> {
  try {
    return await core.readNamespace({ name: namespaceOf(workload) });
  } catch (error) {
    if (isKubeStatus(error, 404)) return undefined;
    throw error;
  }
}
