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
import { keepConnections } from '../kept-connections';
import { httpLibrary } from './http-library';
import { plainRequests, type PlainRequests } from './plain-requests';

/** An API server that has not answered by then is treated as gone; a list of 1000 nodes takes less than a second. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Evictions of one pass run beside each other; a master of the smallest size bears this many. */
const MAX_SOCKETS = 10;
const IDLE_SOCKET_MS = 60_000;

/** One cluster's API: what has a type through the client's own methods, any other object as plain JSON. */
export interface KubeClients {
  core: CoreV1Api;
  apps: AppsV1Api;
  plain: PlainRequests;
}

/** Clients of the cluster's API. */
export const connectApi = keepConnections((access: EngineAccess): KubeClients => {
  const configuration = configure(access);
  return {
    core: new CoreV1Api(configuration),
    apps: new AppsV1Api(configuration),
    plain: plainRequests(configuration),
  };
});

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
