import type { Core } from '../core';
import type { SimResponse } from '../http';
import { mapped } from './groups';
import { keyOf } from './ids';
import type { Operation } from './operations';
import { page } from './paging';
import { createPlainResources } from './plain';
import type { Resource } from './resources';
import type { Exchange } from './routes';
import { createTypeTable, type TypeTable, type WriteOutcome, type WriteRequest } from './types';

/** The one way to write and remove resources, for requests and for deployments alike. */
export interface Engine {
  types: TypeTable;
  write(request: WriteRequest): WriteOutcome;
  remove(resource: Resource, exchange?: Exchange): Operation;
  discard(id: string): void;
  /** A page of resources as a collection's answer. */
  listed(resources: Resource[], exchange: Exchange, show: (resource: Resource) => object): SimResponse;
}

export function createEngine(core: Core): Engine {
  const types = createTypeTable();
  const plain = createPlainResources(core, types);
  return {
    types,
    discard: plain.discard,
    write: (request) => request.type.write?.(request) ?? plain.write(request),
    remove(resource, exchange) {
      const type = types.find(resource.type);
      if (!type) throw new Error(`a resource of the unknown type ${resource.type} is stored`);
      return type.remove?.(resource, exchange) ?? plain.remove(resource, type);
    },
    listed: (resources, { request }, show) => ({
      status: 200,
      body: mapped(
        page(resources, (resource) => keyOf(resource.id), request, core.settings.baseUrl()),
        show,
      ),
    }),
  };
}
