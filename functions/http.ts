import {
  app,
  type HttpFunctionOptions,
  type HttpRequest,
  type HttpResponseInit,
  type InvocationContext,
} from '@azure/functions';
import { randomUUID } from 'node:crypto';
import { logTo } from '../shared/log';
import * as azure from './azure-lists';
import * as chaos from './chaos';
import * as clusters from './clusters';
import { destroyCluster } from './destroy';
import { join, leave } from './join';
import { ready } from './ready';
import { storage } from './storage';
import { getLogs } from './logs';
import * as machines from './machines';
import { getKubeconfig } from './kubeconfig';
import { openApiDocument } from './openapi';
import { cancelOperation, getHalt, getOperation, putHalt } from './operations';
import * as power from './power';
import { putCluster } from './put-cluster';
import { problem, respond, type Call, type Reply } from './respond';
import { scaleCluster } from './scale';
import * as workloads from './workloads';
import { ROUTES, type Route } from '../shared/routes';

type Tools = Pick<Call, 'world' | 'orchestrator' | 'log'>;

export interface Wiring {
  /** Throws when a setting is missing. */
  tools(context: InvocationContext): Tools;
  publicUrl(): string;
  /** Throws unless the request's `authorization` is an operator's; absent: the host asks for function keys. */
  requireOperator?: (authorization: string | null) => Promise<void>;
  /** The durable client's binding, which every function carries that may start an orchestration. */
  durableClient: Parameters<typeof app.generic>[1]['trigger'];
}

type Handlers = { [Name in keyof typeof ROUTES]: (call: never) => Promise<Reply> };

const handlers = ({ publicUrl }: Wiring): Handlers => ({
  health,
  openapi: async () => ({ status: 200, body: openApiDocument(publicUrl()) }),
  listClusters: clusters.listClusters,
  putCluster,
  getCluster: clusters.getCluster,
  deleteCluster: destroyCluster,
  getTemplate: clusters.getTemplate,
  getDeployment: clusters.getDeployment,
  listNodes: clusters.listNodes,
  listEndpoints: clusters.listEndpoints,
  listEvents: clusters.listEvents,
  scaleAgents: scaleCluster,
  start: power.startNodes,
  stop: power.stopNodes,
  restart: power.restartNodes,
  reimage: machines.reimageNodes,
  resize: machines.resizeAgents,
  upgrade: machines.upgradeCluster,
  repair: machines.repairMaster,
  rebalance: machines.rebalanceCluster,
  rotateTokens: machines.rotateKeys,
  startChaos: chaos.startChaos,
  listChaos: chaos.listChaos,
  listWorkloads: workloads.listWorkloads,
  putWorkload: workloads.putWorkload,
  scaleWorkload: workloads.scaleWorkload,
  deleteWorkload: workloads.deleteWorkload,
  getKubeconfig,
  getLogs: (call: Call) => getLogs(call),
  listClusterOperations: clusters.listOperations,
  listLocations: azure.listLocations,
  listSizes: azure.listSizes,
  listImages: azure.listImages,
  join,
  storage,
  ready,
  leave,
  getOperation,
  cancelOperation,
  getHalt,
  putHalt,
});

/** Reading one row shows that settings, identity and storage are in place. */
async function health({ world }: Call): Promise<Reply> {
  await world.halt.read();
  return { status: 200, body: { status: 'ok' } };
}

export function registerRoutes(wiring: Wiring): void {
  for (const [name, options] of httpFunctions(wiring)) app.http(name, options);
}

/** One HTTP function for each row of the route table, by its name. */
export function httpFunctions(wiring: Wiring): [name: string, HttpFunctionOptions][] {
  const byName = handlers(wiring);
  return Object.values<Route>(ROUTES).map((route) => {
    const run = byName[route.name as keyof Handlers] as (call: Call) => Promise<Reply>;
    return [route.name, httpFunction(route, run, wiring)];
  });
}

function httpFunction(route: Route, run: (call: Call) => Promise<Reply>, wiring: Wiring): HttpFunctionOptions {
  return {
    methods: [route.method],
    authLevel: route.auth === 'key' && !wiring.requireOperator ? 'function' : 'anonymous',
    route: route.path,
    extraInputs: [wiring.durableClient],
    handler: async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
      const correlationId = randomUUID();
      try {
        const query = new URL(request.url).searchParams; // request.query keeps one of two parameters of the same name
        const raw = { params: request.params, query, text: () => request.text(), correlationId };
        const tools = wiring.tools(context);
        if (route.auth === 'key') await wiring.requireOperator?.(request.headers.get('authorization'));
        return await respond(route, raw, tools, run);
      } catch (error) {
        return problem(error, correlationId, logTo(context)); // settings are missing, or the caller is no operator
      }
    },
  };
}
