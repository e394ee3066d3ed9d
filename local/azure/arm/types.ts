import type { SimResponse } from '../http';
import type { JsonObject } from '../json';
import type { Latencies, Span } from '../settings';
import type { Operation } from './operations';
import type { Resource } from './resources';
import type { Exchange } from './routes';

/** A PUT or PATCH of one resource, from a client or from a deployment. */
export interface WriteRequest {
  method: 'PUT' | 'PATCH';
  /** Canonical id. */
  id: string;
  type: ResourceType;
  resourceGroup: string;
  body: JsonObject;
  ifMatch?: string;
  ifNoneMatch?: string;
}

export interface WriteOutcome {
  /** The body of the answer. */
  shown: JsonObject;
  created: boolean;
  /** May have ended already, for what is written at once. */
  operation: Operation;
}

/** What the simulator knows of one resource type. Everything optional has a plain default. */
export interface ResourceType {
  /** As Azure spells it: `Microsoft.Network/virtualNetworks`. */
  type: string;
  /** `[0, 0]` writes at once. Default: `latencies.resource`. */
  latency?: (latencies: Latencies) => Span;
  /** `location`: answers 202 without a body, as the storage provider does. */
  answer?: 'async' | 'location';
  /** Needs no location. */
  global?: boolean;
  /** Refuses what may not be submitted like that, whatever is stored already. */
  checkBody?: (body: JsonObject) => void;
  /** Refuses what Azure refuses, and fills in what Azure fills in. */
  prepare?: (draft: Resource, existing: Resource | undefined) => Resource;
  /** Throws when the resource cannot go. */
  checkRemovable?: (resource: Resource) => void;
  /** Cleans up behind a resource that is gone. */
  removed?: (resource: Resource) => void;
  /** Decides the fate of a write at its end; an error makes it fail. */
  complete?: (resource: Resource) => Promise<void> | void;
  /** Replaces the plain writing. */
  write?: (request: WriteRequest) => WriteOutcome;
  /** Replaces the plain removing. */
  remove?: (resource: Resource, exchange?: Exchange) => Operation;
  show?: (resource: Resource) => JsonObject;
  /** Name in lower case → POST action. */
  actions?: Record<string, (resource: Resource, exchange: Exchange) => SimResponse | Promise<SimResponse>>;
}

export interface TypeTable {
  add(...types: ResourceType[]): void;
  find(type: string): ResourceType | undefined;
  knowsNamespace(namespace: string): boolean;
  all(): ResourceType[];
}

export function createTypeTable(): TypeTable {
  const table = new Map<string, ResourceType>();
  return {
    add: (...types) => types.forEach((type) => table.set(type.type.toLowerCase(), type)),
    find: (type) => table.get(type.toLowerCase()),
    knowsNamespace: (namespace) => [...table.keys()].some((type) => type.startsWith(`${namespace.toLowerCase()}/`)),
    all: () => [...table.values()],
  };
}
