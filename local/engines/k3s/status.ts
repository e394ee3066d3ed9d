import type { SimResponse } from '../../azure/http';

/** An answer of the API server that is not the object asked for: `Status` of kind Failure. */
export class KubeError extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details?: object,
  ) {
    super(message);
  }
}

interface Named {
  plural: string;
  group: string;
}

const quoted = ({ plural, group }: Named): string => (group === '' ? plural : `${plural}.${group}`);

export const notFound = (resource: Named, name: string): KubeError =>
  new KubeError(404, 'NotFound', `${quoted(resource)} "${name}" not found`, { name, kind: resource.plural });

export const alreadyExists = (resource: Named, name: string): KubeError =>
  new KubeError(409, 'AlreadyExists', `${quoted(resource)} "${name}" already exists`, { name, kind: resource.plural });

export const conflict = (resource: Named, name: string, why: string): KubeError =>
  new KubeError(409, 'Conflict', `Operation cannot be fulfilled on ${quoted(resource)} "${name}": ${why}`, {
    name,
    kind: resource.plural,
  });

export const invalid = (resource: Named, name: string, why: string): KubeError =>
  new KubeError(422, 'Invalid', `${quoted(resource)} "${name}" is invalid: ${why}`, { name, kind: resource.plural });

export const badRequest = (message: string): KubeError => new KubeError(400, 'BadRequest', message);

export const unauthorized = (): KubeError => new KubeError(401, 'Unauthorized', 'Unauthorized');

export function statusResponse(error: KubeError): SimResponse {
  return json(error.code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    ...(error.reason && { reason: error.reason }),
    ...(error.details && { details: error.details }),
    code: error.code,
  });
}

export const success = (details?: object): SimResponse =>
  json(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...(details && { details }) });

export const json = (status: number, body: object): SimResponse => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' },
  body,
});
