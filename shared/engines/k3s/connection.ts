import { createHash } from 'node:crypto';
import { Agent } from 'node:https';
import { CoreV1Api, createConfiguration, ServerConfiguration, type RequestContext } from '@kubernetes/client-node';
import type { EngineAccess } from '../../ports';
import { httpLibrary } from './http-library';

/** An API server that has not answered by then is treated as gone; a list of 1000 nodes takes less than a second. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Evictions of one pass run beside each other; a master of the smallest size bears this many. */
const MAX_SOCKETS = 10;
const IDLE_SOCKET_MS = 60_000;
/** Connections of more clusters than this at once are made anew; each holds at most a few sockets. */
const MAX_CONNECTIONS = 64;
/** Age after which a connection is made anew, so that a master whose address changed is found again. */
const MAX_AGE_MS = 10 * 60_000;

interface Connection {
  api: CoreV1Api;
  madeAt: number;
}

const connections = new Map<string, Connection>();

/** A client of the cluster's API. Kept for up to ten minutes within this process, so that calls share TLS connections. */
export function connectApi(access: EngineAccess): CoreV1Api {
  const key = createHash('sha256')
    .update(`${[access.endpoint, ...(access.others ?? [])].join()}\n${access.caPem}\n${access.credential}`)
    .digest('hex');
  const known = connections.get(key);
  if (known && Date.now() - known.madeAt < MAX_AGE_MS) return known.api;
  connections.delete(key);
  while (connections.size >= MAX_CONNECTIONS) connections.delete(oldestKey());
  const api = createApi(access);
  connections.set(key, { api, madeAt: Date.now() });
  return api;
}

/** A Map iterates in the order of insertion. */
const oldestKey = (): string => connections.keys().next().value ?? '';

/** `ca` replaces the public roots: only the cluster's own CA is trusted. The name checked is the endpoint's host. */
function createApi(access: EngineAccess): CoreV1Api {
  const agent = new Agent({ ca: access.caPem, keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_SOCKET_MS });
  const authenticate = (request: RequestContext): void => {
    request.setHeaderParam('Authorization', `Bearer ${access.credential}`);
  };
  const origins = [access.endpoint, ...(access.others ?? [])];
  return new CoreV1Api(
    createConfiguration({
      httpApi: httpLibrary({ agent, origins, timeoutMs: REQUEST_TIMEOUT_MS }),
      baseServer: new ServerConfiguration(access.endpoint.replace(/\/$/, ''), {}),
      authMethods: { default: { getName: () => 'starling', applySecurityAuthentication: authenticate } },
    }),
  );
}
