import {
  ApiException,
  HttpMethod,
  PatchStrategy,
  type Configuration,
  type KubernetesObject,
} from '@kubernetes/client-node';

/** Who owns the fields that Starling sets, in the words of server-side apply. */
export const FIELD_MANAGER = 'starling';

/**
 * Objects as they are. The client's typed methods drop fields that they do not know and read dates, which an operator's own
 * manifest must not suffer. Throws ApiException as they do.
 */
export interface PlainRequests {
  /** Server-side apply: makes the object or takes over just the fields that are in it. */
  apply(path: string, object: KubernetesObject, how?: { dryRun: boolean }): Promise<void>;
  remove(path: string): Promise<void>;
}

export function plainRequests(configuration: Configuration): PlainRequests {
  const send = async (method: HttpMethod, path: string, query: object, body?: object): Promise<void> => {
    const request = configuration.baseServer.makeRequestContext(path, method);
    for (const [name, value] of Object.entries(query)) request.setQueryParam(name, String(value));
    request.setHeaderParam('Accept', 'application/json');
    if (body) {
      request.setHeaderParam('Content-Type', method === HttpMethod.PATCH ? PatchStrategy.ServerSideApply : JSON_TYPE);
      request.setBody(JSON.stringify(body)); // JSON is YAML
    }
    await configuration.authMethods.default?.applySecurityAuthentication(request);
    const response = await configuration.httpApi.send(request).toPromise();
    const text = (await response?.body.text()) ?? '';
    const status = response?.httpStatusCode ?? 0;
    if (status < 200 || status > 299) throw new ApiException(status, 'refused', text, response?.headers ?? {});
  };
  return {
    apply: (path, object, { dryRun } = { dryRun: false }) => {
      const query = { fieldManager: FIELD_MANAGER, force: true, ...(dryRun && { dryRun: 'All' }) };
      return send(HttpMethod.PATCH, path, query, object);
    },
    remove: (path) => send(HttpMethod.DELETE, path, { propagationPolicy: 'Background' }),
  };
}

const JSON_TYPE = 'application/json';
