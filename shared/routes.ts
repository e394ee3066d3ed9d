import { z } from 'zod';
import * as api from './api';

export type Auth =
  /** No key. */
  | 'anonymous'
  /** A function key (`x-functions-key`). */
  | 'key'
  /** No key; the body proves which VM is calling. */
  | 'attested';

export interface Route {
  /** Name of the function. */
  name: string;
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** As in `/api/clusters/{c}`, without the prefix. */
  path: string;
  auth: Auth;
  summary: string;
  query?: Record<string, z.ZodType>;
  body?: z.ZodType;
  /** Success answers by status. Every route may also answer with a problem document. */
  answers: Record<number, { description: string; schema: z.ZodType; contentType?: 'text/plain' | 'application/yaml' }>;
}

const whatIf = z
  .enum(['true', 'false'])
  .optional()
  .meta({ description: 'true: answer 200 with what would be done, and do nothing' });
const started = { description: 'Begun; follow the operation at Location', schema: api.OperationSchema };
const preview = { description: 'What it would do', schema: api.WhatIfSchema };

const limit = z.coerce.number().int().min(1).max(1000).optional();

/** A verb that is an operation on a cluster. */
const verb = (path: string, summary: string, body: z.ZodType): Omit<Route, 'name'> => ({
  method: 'POST',
  path: `clusters/{c}/${path}`,
  auth: 'key',
  summary,
  query: { whatIf },
  body,
  answers: { 200: preview, 202: started },
});

const define = <T extends Record<string, Omit<Route, 'name'>>>(routes: T): { [K in keyof T]: Route } =>
  Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, { name, ...route }])) as {
    [K in keyof T]: Route;
  };

/** The whole HTTP surface as data: functions, OpenAPI, README and the CLI are made from or checked against it. */
export const ROUTES = define({
  health: {
    method: 'GET',
    path: 'health',
    auth: 'anonymous',
    summary: 'Is everything wired?',
    answers: { 200: { description: 'Ready to serve', schema: api.Health } },
  },
  openapi: {
    method: 'GET',
    path: 'openapi.json',
    auth: 'anonymous',
    summary: 'This API as OpenAPI 3.1',
    answers: { 200: { description: 'OpenAPI document', schema: z.record(z.string(), z.unknown()) } },
  },
  listClusters: {
    method: 'GET',
    path: 'clusters',
    auth: 'key',
    summary: 'All clusters',
    answers: { 200: { description: 'Clusters', schema: api.ClusterList } },
  },
  putCluster: {
    method: 'PUT',
    path: 'clusters/{c}',
    auth: 'key',
    summary: 'Deploy a cluster, or converge it to a changed spec',
    query: {
      whatIf,
      only: z
        .enum(['storage'])
        .optional()
        .meta({ description: 'storage: network and shared storage, no machines yet' }),
    },
    body: api.ClusterSpecSchema,
    answers: {
      200: {
        description: 'Nothing to do, or what it would do',
        schema: z.union([api.ClusterSchema, api.WhatIfSchema]),
      },
      202: started,
    },
  },
  getCluster: {
    method: 'GET',
    path: 'clusters/{c}',
    auth: 'key',
    summary: 'One cluster',
    answers: { 200: { description: 'The cluster', schema: api.ClusterSchema } },
  },
  deleteCluster: {
    method: 'DELETE',
    path: 'clusters/{c}',
    auth: 'key',
    summary: 'Delete the cluster and prove it; pre-empts what runs',
    query: { whatIf, storage: z.enum(['keep', 'delete']).optional() },
    answers: { 200: preview, 202: started },
  },
  getTemplate: {
    method: 'GET',
    path: 'clusters/{c}/template',
    auth: 'key',
    summary: 'The deployment template as submitted',
    answers: { 200: { description: 'Template and parameters', schema: api.TemplateView } },
  },
  getDeployment: {
    method: 'GET',
    path: 'clusters/{c}/deployment',
    auth: 'key',
    summary: 'Each resource of the deployment and its state',
    answers: { 200: { description: 'Deployment operations', schema: api.DeploymentView } },
  },
  listNodes: {
    method: 'GET',
    path: 'clusters/{c}/nodes',
    auth: 'key',
    summary: 'Masters and agents',
    answers: { 200: { description: 'Nodes', schema: api.NodeList } },
  },
  listEndpoints: {
    method: 'GET',
    path: 'clusters/{c}/endpoints',
    auth: 'key',
    summary: 'Public names and ports',
    answers: { 200: { description: 'Endpoints', schema: api.EndpointList } },
  },
  listEvents: {
    method: 'GET',
    path: 'clusters/{c}/events',
    auth: 'key',
    summary: 'Every state change and its cause, oldest first',
    query: {
      since: z.string().max(200).optional().meta({ description: 'Event id or time; only later events are answered' }),
      limit: z.coerce.number().int().min(1).max(1000).optional(),
    },
    answers: { 200: { description: 'Events', schema: api.EventList } },
  },
  scaleAgents: {
    method: 'POST',
    path: 'clusters/{c}/scale',
    auth: 'key',
    summary: 'Change the number of agents',
    query: { whatIf },
    body: api.ScaleSchema,
    answers: { 200: preview, 202: started },
  },
  start: verb('start', 'Power on: the whole cluster, or parked agents', api.StartSchema),
  stop: verb('stop', 'Power off: the whole cluster, or some agents, which are drained first', api.StopSchema),
  restart: verb('restart', 'Restart agents one after another, drained first; masters only by name', api.RestartSchema),
  reimage: verb('reimage', 'Give agents empty disks, drained first; they join anew', api.ReimageSchema),
  resize: verb('resize', 'Change the size of all agents, a few at a time', api.ResizeSchema),
  upgrade: verb('upgrade', 'Bring masters, one at a time, then agents to a version of the engine', api.UpgradeSchema),
  repair: verb('repair', 'Make a lost master anew: out of the quorum, deleted, deployed, joined', api.RepairSchema),
  rebalance: verb('rebalance', 'Spread running workloads over all agents', api.EmptySchema),
  rotateTokens: verb('tokens/rotate', 'Make new keys for joining and a new credential for Starling', api.EmptySchema),
  startChaos: verb('chaos', 'Break agents on purpose and see whether the cluster recovers', api.ChaosRequestSchema),
  listChaos: {
    method: 'GET',
    path: 'clusters/{c}/chaos',
    auth: 'key',
    summary: 'Reports of chaos runs, newest first',
    query: { limit },
    answers: { 200: { description: 'Runs', schema: api.ChaosList } },
  },
  listWorkloads: {
    method: 'GET',
    path: 'clusters/{c}/workloads',
    auth: 'key',
    summary: 'What runs at an operator’s wish',
    answers: { 200: { description: 'Workloads', schema: api.WorkloadList } },
  },
  putWorkload: {
    method: 'PUT',
    path: 'clusters/{c}/workloads/{name}',
    auth: 'key',
    summary: 'Make or change a workload, and wait until it runs',
    query: { whatIf },
    body: api.WorkloadRequestSchema,
    answers: { 200: preview, 202: started },
  },
  scaleWorkload: {
    method: 'POST',
    path: 'clusters/{c}/workloads/{name}/scale',
    auth: 'key',
    summary: 'Change the number of replicas of a workload',
    query: { whatIf },
    body: api.ScaleWorkloadSchema,
    answers: { 200: preview, 202: started },
  },
  deleteWorkload: {
    method: 'DELETE',
    path: 'clusters/{c}/workloads/{name}',
    auth: 'key',
    summary: 'Remove a workload',
    query: { whatIf },
    answers: { 200: preview, 202: started },
  },
  getKubeconfig: {
    method: 'GET',
    path: 'clusters/{c}/kubeconfig',
    auth: 'key',
    summary: 'Access for kubectl as an administrator, for some hours',
    query: {
      hours: z.coerce
        .number()
        .int()
        .min(1)
        .max(24)
        .optional()
        .meta({ description: 'How long it is valid, 8 by default' }),
    },
    answers: { 200: { description: 'kubeconfig', schema: z.string(), contentType: 'application/yaml' } },
  },
  getLogs: {
    method: 'GET',
    path: 'clusters/{c}/logs',
    auth: 'key',
    summary: 'The journal of a unit on a node, through the VM agent: takes tens of seconds',
    query: {
      node: z.string().max(63).meta({ description: 'Name of the node, or its instance id' }),
      unit: z.enum(api.LOG_UNITS).optional().meta({ description: 'The engine’s unit by default' }),
      lines: z.coerce.number().int().min(1).max(1000).optional().meta({ description: '100 by default' }),
    },
    answers: {
      200: {
        description: 'Lines of the journal, oldest first; at most the last 4 KB',
        schema: z.string(),
        contentType: 'text/plain',
      },
    },
  },
  listClusterOperations: {
    method: 'GET',
    path: 'clusters/{c}/operations',
    auth: 'key',
    summary: 'Operations of a cluster, newest first',
    query: { limit },
    answers: { 200: { description: 'Operations', schema: api.OperationList } },
  },
  listLocations: {
    method: 'GET',
    path: 'locations',
    auth: 'key',
    summary: 'Locations of Azure that can be used',
    answers: { 200: { description: 'Locations', schema: api.LocationList } },
  },
  listSizes: {
    method: 'GET',
    path: 'locations/{location}/sizes',
    auth: 'key',
    summary: 'Sizes of machines there, with what is left of the quota',
    answers: { 200: { description: 'Sizes', schema: api.SizeList } },
  },
  listImages: {
    method: 'GET',
    path: 'locations/{location}/images',
    auth: 'key',
    summary: 'Images of the operating system there, newest first',
    answers: { 200: { description: 'Images', schema: api.ImageList } },
  },
  join: {
    method: 'POST',
    path: 'clusters/{c}/join',
    auth: 'attested',
    summary: 'A VM proves who it is and gets its ticket',
    body: api.JoinSchema,
    answers: { 200: { description: 'Ticket', schema: api.TicketSchema } },
  },
  ready: {
    method: 'POST',
    path: 'clusters/{c}/ready',
    auth: 'attested',
    summary: 'A master reports how to reach its engine',
    body: api.JoinSchema,
    answers: { 200: { description: 'Noted', schema: z.strictObject({ accepted: z.literal(true) }) } },
  },
  leave: {
    method: 'POST',
    path: 'clusters/{c}/leave',
    auth: 'attested',
    summary: 'A VM says that it is going down',
    body: api.JoinSchema,
    answers: { 200: { description: 'Noted', schema: z.strictObject({ accepted: z.literal(true) }) } },
  },
  getOperation: {
    method: 'GET',
    path: 'operations/{id}',
    auth: 'key',
    summary: 'How far an operation is',
    answers: { 200: { description: 'The operation', schema: api.OperationSchema } },
  },
  cancelOperation: {
    method: 'DELETE',
    path: 'operations/{id}',
    auth: 'key',
    summary: 'Cancel at the next safe point',
    query: { whatIf },
    answers: {
      200: {
        description: 'It has ended already, or what it would do',
        schema: z.union([api.OperationSchema, api.WhatIfSchema]),
      },
      202: started,
    },
  },
  getHalt: {
    method: 'GET',
    path: 'halt',
    auth: 'key',
    summary: 'Is automation halted?',
    answers: { 200: { description: 'The lever', schema: api.HaltStateSchema } },
  },
  putHalt: {
    method: 'PUT',
    path: 'halt',
    auth: 'key',
    summary: 'Halt or resume all automation (repairs, chaos)',
    query: { whatIf },
    body: api.HaltSchema,
    answers: {
      200: { description: 'The lever as it is now', schema: z.union([api.HaltStateSchema, api.WhatIfSchema]) },
    },
  },
});
