import { z } from 'zod';
import * as api from '../api';
import { define, preview, started, whatIf } from './route';

/** Of a cluster as a whole. */
export const CLUSTER_ROUTES = define({
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
});
