import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock';
import type { Store } from '../../store';
import { RESOURCE_TYPES, apiVersionOf, type KubeObject, type NewKubeObject, type ResourceType } from './kube-object';
import { alreadyExists, conflict, notFound } from './status';

/** What a delete or an update insists on; Kubernetes answers 409 when the object is another one by now. */
export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

/**
 * The objects of one cluster, as etcd holds them: one counter gives every write its resourceVersion, and a list
 * is ordered by namespace and name.
 */
export interface KubeObjects {
  find(plural: string, namespace: string, name: string): KubeObject | undefined;
  get(plural: string, namespace: string, name: string): KubeObject;
  /** Without a namespace: all of them. */
  list(plural: string, namespace?: string): KubeObject[];
  create(plural: string, object: NewKubeObject): KubeObject;
  /** Replaces the object and gives it a new resourceVersion; fails when it was deleted meanwhile. */
  update(plural: string, object: KubeObject): KubeObject;
  remove(plural: string, namespace: string, name: string, preconditions?: Preconditions): KubeObject;
  revision(): number;
  /** Forgets everything, as a lost disk does. */
  clear(): void;
}

const REVISIONS = 'k3s-revisions';

export function kubeObjects(store: Store, clock: Clock, clusterUid: string): KubeObjects {
  const collection = (plural: string): string => `k3s/${clusterUid}/${plural}`;
  const key = (namespace: string, name: string): string => `${namespace}/${name}`;
  const revision = (): number => store.get<number>(REVISIONS, clusterUid) ?? 1;
  const nextRevision = (): string => {
    const next = revision() + 1;
    store.put(REVISIONS, clusterUid, next);
    return String(next);
  };
  const write = (plural: string, object: KubeObject): KubeObject => {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: nextRevision() } };
    store.put(collection(plural), key(stored.metadata.namespace ?? '', stored.metadata.name), stored);
    return stored;
  };
  const find = (plural: string, namespace: string, name: string): KubeObject | undefined =>
    store.get<KubeObject>(collection(plural), key(namespace, name));
  const get = (plural: string, namespace: string, name: string): KubeObject => {
    const found = find(plural, namespace, name);
    if (!found) throw notFound(resourceType(plural), name);
    return found;
  };

  return {
    find,
    get,
    list: (plural, namespace) =>
      store
        .list<KubeObject>(collection(plural), namespace === undefined ? '' : `${namespace}/`)
        .map(([, object]) => object),
    create(plural, object) {
      const complete = admit(resourceType(plural), object, new Date(clock.now()).toISOString());
      if (find(plural, complete.metadata.namespace ?? '', complete.metadata.name))
        throw alreadyExists(resourceType(plural), complete.metadata.name);
      return write(plural, complete);
    },
    update(plural, object) {
      get(plural, object.metadata.namespace ?? '', object.metadata.name);
      return write(plural, object);
    },
    remove(plural, namespace, name, preconditions = {}) {
      const found = get(plural, namespace, name);
      requirePreconditions(plural, found, preconditions);
      store.delete(collection(plural), key(namespace, name));
      nextRevision();
      return found;
    },
    revision,
    clear() {
      for (const { plural } of RESOURCE_TYPES)
        for (const [id] of store.list(collection(plural))) store.delete(collection(plural), id);
      store.delete(REVISIONS, clusterUid);
    },
  };
}

/** The same objects, on which nothing that is written is kept: for a dry run. */
export const rehearsal = (objects: KubeObjects, clock: Clock): KubeObjects => ({
  ...objects,
  create(plural, object) {
    const complete = admit(resourceType(plural), object, new Date(clock.now()).toISOString());
    if (objects.find(plural, complete.metadata.namespace ?? '', complete.metadata.name))
      throw alreadyExists(resourceType(plural), complete.metadata.name);
    return complete;
  },
  update: (_, object) => object,
  remove: (plural, namespace, name) => objects.get(plural, namespace, name),
  clear: () => undefined,
});

export function requirePreconditions(plural: string, found: KubeObject, wanted: Preconditions): void {
  for (const field of ['uid', 'resourceVersion'] as const) {
    const [expected, actual] = [wanted[field], found.metadata[field]];
    if (expected === undefined || expected === actual) continue;
    const label = field === 'uid' ? 'UID' : 'ResourceVersion';
    const why = `the ${label} in the precondition (${expected}) does not match the ${label} in record (${actual}). The object might have been deleted and then recreated`;
    throw conflict(resourceType(plural), found.metadata.name, why);
  }
}

export function resourceType(plural: string): ResourceType {
  const found = RESOURCE_TYPES.find((candidate) => candidate.plural === plural);
  if (!found) throw new Error(`no such resource: ${plural}`);
  return found;
}

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789'; // as Kubernetes: nothing that could spell a word

/** Five letters as Kubernetes appends them to generateName. */
export function nameSuffix(): string {
  const bytes = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  return [...bytes.subarray(0, 5)].map((byte) => SUFFIX_LETTERS[byte % SUFFIX_LETTERS.length]).join('');
}

function admit(resource: ResourceType, object: NewKubeObject, creationTimestamp: string): KubeObject {
  const { generateName, ...given } = object.metadata;
  const name = given.name ?? `${generateName ?? ''}${nameSuffix()}`;
  return {
    ...object,
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      ...given,
      ...(object.spec && { generation: 1 }),
      ...(generateName && { generateName }),
      ...(resource.namespaced && { namespace: given.namespace ?? 'default' }),
      name,
      uid: randomUUID(),
      resourceVersion: '',
      creationTimestamp,
    },
    ...(object.stringData && { data: { ...object.data, ...encoded(object.stringData) }, stringData: undefined }),
  };
}

/** The API server stores `stringData` of a Secret as base64 `data` and never shows it again. */
const encoded = (stringData: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
