import { z } from 'zod';
import * as api from '../shared/api';

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
  answers: Record<number, { description: string; schema: z.ZodType }>;
}

const whatIf = z
  .enum(['true', 'false'])
  .optional()
  .meta({ description: 'true: answer 200 with what would be done, and do nothing' });
const started = { description: 'Begun; follow the operation at Location', schema: api.OperationSchema };
const preview = { description: 'What it would do', schema: api.WhatIfSchema };

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
    query: { whatIf },
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
