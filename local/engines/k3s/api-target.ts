import type { SimRequest } from '../../azure/http';
import { RESOURCE_TYPES, type ResourceType } from './kube-object';
import { KubeError } from './status';

/** What a path of the Kubernetes API names; empty where it names nothing. */
export interface Target {
  resource: ResourceType;
  namespace: string;
  name: string;
  subresource: string;
}

const VERBS: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch' };

/** Samples: `/api/v1/nodes/agent-7`, `/api/v1/namespaces/default/pods/web-x/eviction`, `/apis/apps/v1/deployments`. */
export function parseTarget(pathname: string): Target {
  const segments = pathname.split('/').slice(1).map(decodeURIComponent);
  const isCore = segments[0] === 'api';
  const [group = '', version = ''] = isCore ? ['', segments[1]] : segments.slice(1, 3);
  const rest = segments.slice(isCore ? 2 : 3);
  const isNamespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [plural, name = '', subresource = ''] = isNamespaced ? rest.slice(2) : rest;
  const resource = RESOURCE_TYPES.find(
    (type) => type.plural === plural && type.group === group && type.version === version,
  );
  if (!resource || (!isCore && segments[0] !== 'apis'))
    throw new KubeError(404, 'NotFound', 'the server could not find the requested resource');
  return { resource, namespace: isNamespaced ? (rest[1] ?? '') : '', name, subresource };
}

/** The verb as authorizers name it. */
export function verbOf({ method, url }: SimRequest, { name }: Target): string {
  if (method === 'GET' && name === '') return url.searchParams.get('watch') === 'true' ? 'watch' : 'list';
  if (method === 'GET') return 'get';
  if (method === 'DELETE') return name === '' ? 'deletecollection' : 'delete';
  return VERBS[method] ?? method.toLowerCase();
}
