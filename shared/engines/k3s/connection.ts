import { createHash } from 'node:crypto';
import { Agent } from 'node:https';
import {
  AppsV1Api,
  CoreV1Api,
  createConfiguration,
  ServerConfiguration,
  type Configuration,
  type RequestContext,
} from '@kubernetes/client-node';
import type { EngineAccess } from '../../ports';
import { httpLibrary } from './http-library';
import { plainRequests, type PlainRequests } from './plain-requests';

/** An API server that has not answered by then is treated as gone; a list of 1000 nodes takes less than a second. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Evictions of one pass run beside each other; a master of the smallest size bears this many. */
const MAX_SOCKETS = 10;
const IDLE_SOCKET_MS = 60_000;
/** Connections of more clusters than this at once are made anew; each holds at most a few sockets. */
const MAX_CONNECTIONS = 64;
/** Age after which a connection is made anew, so that a master whose address changed is found again. */
const MAX_AGE_MS = 10 * 60_000;

/** One cluster's API: what has a type through the client's own methods, any other object as plain JSON. */
export interface KubeClients {
  core: CoreV1Api;
  apps: AppsV1Api;
  plain: PlainRequests;
}

const connections = new Map<string, { clients: KubeClients; madeAt: number }>();

/** Clients of the cluster's API. Kept for up to ten minutes within this process, so that calls share TLS connections. */
export function connectApi(access: EngineAccess): KubeClients {
  const key = createHash('sha256')
    .update(`${[access.endpoint, ...(access.others ?? [])].join()}\n${access.caPem}\n${access.credential}`)
    .digest('hex');
  const known = connections.get(key);
  if (known && Date.now() - known.madeAt < MAX_AGE_MS) return known.clients;
  connections.delete(key);
  while (connections.size >= MAX_CONNECTIONS) connections.delete(oldestKey());
  const configuration = configure(access);
  const clients = {
    core: new CoreV1Api(configuration),
    apps: new AppsV1Api(configuration),
    plain: plainRequests(configuration),
  };
  connections.set(key, { clients, madeAt: Date.now() });
  return clients;
}

/** A Map iterates in the order of insertion. */
const oldestKey = (): string => connections.keys().next().value ?? '';

/** `ca` replaces the public roots: only the cluster's own CA is trusted. The name checked is the endpoint's host. */
function configure(access: EngineAccess): Configuration {
  const agent = new Agent({ ca: access.caPem, keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_SOCKET_MS });
  const authenticate = (request: RequestContext): void => {
    request.setHeaderParam('Authorization', `Bearer ${access.credential}`);
  };
  const origins = [access.endpoint, ...(access.others ?? [])];
  return createConfiguration({
    httpApi: httpLibrary({ agent, origins, timeoutMs: REQUEST_TIMEOUT_MS }),
    baseServer: new ServerConfiguration(access.endpoint.replace(/\/$/, ''), {}),
    authMethods: { default: { getName: () => 'starling', applySecurityAuthentication: authenticate } },
  });
}
