import type { Store } from '../../store';
import type { JsonObject } from '../json';
import { keyOf } from './ids';

/** A stored resource. What ARM never shows (passwords, custom data) stands in `secrets`. */
export interface Resource {
  id: string;
  name: string;
  type: string;
  resourceGroup: string;
  location?: string;
  tags: Record<string, string>;
  /** Counts the writes; shown as the ETag. */
  version: number;
  createdAt: string;
  properties: JsonObject;
  /** sku, kind, zones, identity, plan: members beside `properties`. */
  extra: JsonObject;
  secrets?: JsonObject;
}

export interface Resources {
  get(id: string): Resource | undefined;
  /** Stores a new version of the resource. */
  put(resource: Resource): Resource;
  delete(id: string): void;
  /** Resources whose id starts with `scope`, ordered by id. */
  below(scope: string): Resource[];
}

const COLLECTION = 'resources';

export function createResources(store: Store): Resources {
  return {
    get: (id) => store.get<Resource>(COLLECTION, keyOf(id)),
    put(resource) {
      const next = { ...resource, version: resource.version + 1 };
      store.put(COLLECTION, keyOf(resource.id), next);
      return next;
    },
    delete: (id) => store.delete(COLLECTION, keyOf(id)),
    below: (scope) => store.list<Resource>(COLLECTION, `${keyOf(scope)}/`).map(([, resource]) => resource),
  };
}

export const etagOf = (resource: { version: number }): string => `"${resource.version}"`;

/** The resource as GET shows it. */
export const present = (resource: Resource): JsonObject => ({
  id: resource.id,
  name: resource.name,
  type: resource.type,
  ...(resource.location && { location: resource.location }),
  tags: resource.tags,
  etag: etagOf(resource),
  ...resource.extra,
  properties: resource.properties,
});

/** How many numbers of a sequence were given. */
export const numbersGiven = (store: Store, sequence: string): number => store.get<number>('sequences', sequence) ?? 0;

/** The next number of a named sequence: 0, 1, 2 … Never repeated, also not after a restart. */
export function nextNumber(store: Store, sequence: string): number {
  const next = numbersGiven(store, sequence);
  store.put('sequences', sequence, next + 1);
  return next;
}
