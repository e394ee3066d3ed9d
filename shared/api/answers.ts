import { z } from 'zod';
import { nullable, time } from './fields';
import { ClusterSpecSchema } from './spec';

export const OperationSchema = z
  .strictObject({
    id: z.string(),
    cluster: z.string(),
    verb: z.string(),
    state: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
    phase: z.string(),
    progress: z.strictObject({ done: z.number(), total: z.number(), unit: z.string() }),
    startedAt: time,
    endedAt: nullable(time),
    error: nullable(z.strictObject({ code: z.string(), message: z.string() })),
    result: z.unknown(),
  })
  .meta({ id: 'Operation' });

const endpoint = z.strictObject({ name: z.string(), fqdn: z.string(), ports: z.array(z.number().int()) });

export const ClusterSchema = z
  .strictObject({
    name: z.string(),
    spec: ClusterSpecSchema,
    phase: z.enum(['deploying', 'ready', 'degraded', 'stopped', 'stored', 'deleting', 'failed']),
    phaseReason: z.string(),
    agents: z.strictObject({ desired: z.number(), ready: z.number(), total: z.number() }),
    masters: z.strictObject({ desired: z.number(), ready: z.number() }),
    endpoints: z.array(endpoint),
    operation: nullable(z.string()),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Cluster' });

export const NodeSchema = z
  .strictObject({
    name: z.string(),
    role: z.enum(['master', 'agent']),
    vmId: z.string(),
    instanceId: z.string(),
    state: z.enum([
      'expected',
      'booting',
      'joining',
      'ready',
      'notReady',
      'draining',
      'leaving',
      'parked',
      'failed',
      'gone',
    ]),
    generation: z.number().int(),
    address: z.string(),
    since: time,
    detail: z.string().optional(),
  })
  .meta({ id: 'Node' });

export const ProblemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string(),
    correlationId: z.string(),
    errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
    operation: z.string().optional(),
  })
  .meta({ id: 'Problem' });

export const EventSchema = z
  .strictObject({
    id: z.string(),
    at: time,
    type: z.string(),
    subject: z.string(),
    cause: z.string(),
    message: z.string(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  })
  .meta({ id: 'Event' });

export const WhatIfSchema = z
  .strictObject({ whatIf: z.literal(true), verb: z.string(), would: z.array(z.string()) })
  .meta({ id: 'WhatIf' });

export const HaltStateSchema = z
  .strictObject({ halted: z.boolean(), reason: z.string(), since: z.string() })
  .meta({ id: 'Halt' });

export const OperationList = z.strictObject({ operations: z.array(OperationSchema) });
export const LocationList = z.strictObject({
  locations: z.array(z.strictObject({ name: z.string(), displayName: z.string() })),
});
export const SizeList = z.strictObject({
  sizes: z.array(
    z.strictObject({
      name: z.string(),
      cores: z.number(),
      memoryGiB: z.number(),
      quota: z.strictObject({ used: z.number(), limit: z.number() }).optional(),
    }),
  ),
});
export const ImageList = z.strictObject({
  images: z.array(z.strictObject({ publisher: z.string(), offer: z.string(), sku: z.string(), version: z.string() })),
});

export const ClusterList = z.strictObject({ clusters: z.array(ClusterSchema) });
export const NodeList = z.strictObject({ nodes: z.array(NodeSchema) });
export const EndpointList = z.strictObject({ endpoints: z.array(endpoint) });
export const EventList = z.strictObject({ events: z.array(EventSchema) });
export const DeploymentView = z.strictObject({
  operations: z.array(
    z.strictObject({
      name: z.string(),
      type: z.string(),
      state: z.string(),
      code: z.string().optional(),
      message: z.string().optional(),
    }),
  ),
});
export const TemplateView = z.strictObject({
  template: z.record(z.string(), z.unknown()),
  parameters: z.record(z.string(), z.unknown()),
});
export const Health = z.strictObject({ status: z.literal('ok') });
