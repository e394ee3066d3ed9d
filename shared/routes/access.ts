import { z } from 'zod';
import * as api from '../api';
import { define, limit } from './route';

/** Access to machines and engine, and what Azure offers. */
export const ACCESS_ROUTES = define({
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
});
