import type { SimRequest, SimResponse } from '../../../azure/http';
import { badRequest, DockerError, errorResponse } from '../docker-error';
import type { DaemonRecord } from '../records';
import { inCluster, type ApiDependencies, type Route } from './call';
import { createNetwork, inspectNetwork, listNetworks, removeNetwork } from './networks';
import { inspectNode, listNodes, removeNode, updateNode } from './nodes';
import { createService, inspectService, listServices, removeService, updateService } from './services';
import { initSwarm, inspectSwarm, joinSwarm, leaveSwarm, updateSwarm } from './swarm';
import { apiVersionsOf, info, ping, version } from './system';
import { inspectTask, listTasks } from './tasks';

/** By method and path; `{}` is the term in the path. The first that fits counts. */
const ROUTES: Record<string, Route> = {
  'GET /_ping': ping,
  'HEAD /_ping': ping,
  'GET /version': version,
  'GET /info': info,
  'GET /swarm': inCluster(inspectSwarm),
  'POST /swarm/init': initSwarm,
  'POST /swarm/join': joinSwarm,
  'POST /swarm/leave': leaveSwarm,
  'POST /swarm/update': inCluster(updateSwarm),
  'GET /nodes': inCluster(listNodes),
  'GET /nodes/{}': inCluster(inspectNode),
  'POST /nodes/{}/update': inCluster(updateNode),
  'DELETE /nodes/{}': inCluster(removeNode),
  'GET /services': inCluster(listServices),
  'POST /services/create': inCluster(createService),
  'GET /services/{}': inCluster(inspectService),
  'POST /services/{}/update': inCluster(updateService),
  'DELETE /services/{}': inCluster(removeService),
  'GET /tasks': inCluster(listTasks),
  'GET /tasks/{}': inCluster(inspectTask),
  'GET /networks': listNetworks,
  'POST /networks/create': inCluster(createNetwork),
  'GET /networks/{}': inspectNetwork,
  'DELETE /networks/{}': inCluster(removeNetwork),
};

/** The Engine API of one daemon. Every refusal has a `message`, as client libraries expect. */
export type DockerApi = (daemon: DaemonRecord, request: SimRequest) => SimResponse;

export function createDockerApi(dependencies: ApiDependencies): DockerApi {
  return (daemon, request) => {
    const { newest } = apiVersionsOf(daemon);
    const headers = { server: `Docker/${daemon.version} (linux)`, 'api-version': newest, ostype: 'linux' };
    const answered = answer(dependencies, daemon, request);
    return { ...answered, headers: { ...answered.headers, ...headers } };
  };
}

function answer(dependencies: ApiDependencies, daemon: DaemonRecord, request: SimRequest): SimResponse {
  try {
    const [, wanted, path = ''] = /^(?:\/v(\d+\.\d+))?(\/.*)$/.exec(request.url.pathname) ?? [];
    if (wanted !== undefined) requireVersion(daemon, wanted);
    const { route, term } = routeOf(request.method, path);
    return route({ ...dependencies, request, daemon, term });
  } catch (error) {
    if (error instanceof DockerError) return errorResponse(error);
    throw error;
  }
}

function routeOf(method: string, path: string): { route: Route; term: string } {
  const exact = ROUTES[`${method} ${path}`];
  if (exact) return { route: exact, term: '' };
  const [, kind = '', term = '', rest = ''] = /^\/(\w+)\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const route = ROUTES[`${method} /${kind}/{}${rest}`];
  if (!route) throw new DockerError(404, 'page not found');
  return { route, term: decodeURIComponent(term) };
}

/** moby `daemon/server/middleware/version.go`. */
function requireVersion(daemon: DaemonRecord, wanted: string): void {
  const { oldest, newest } = apiVersionsOf(daemon);
  if (numberOf(wanted) < numberOf(oldest))
    throw badRequest(
      `client version ${wanted} is too old. Minimum supported API version is ${oldest}, please upgrade your client to a newer version`,
    );
  if (numberOf(wanted) > numberOf(newest))
    throw badRequest(`client version ${wanted} is too new. Maximum supported API version is ${newest}`);
}

const numberOf = (version: string): number => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major * 1_000 + minor;
};
