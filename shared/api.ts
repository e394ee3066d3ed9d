import { z } from 'zod';
import type { ClusterRecord, ClusterSpec } from './model/cluster';
import type { ChaosReport, ChaosRequest } from './model/chaos';
import type { NodeRecord } from './model/node';
import type { OperationRecord } from './model/operation';
import type { Workload } from './model/workload';

/** Shapes of everything that crosses HTTP (design §4). Unknown fields are an error everywhere. */

/** Pinned with each release of Starling: the stable channel of k3s when the release was made. */
export const DEFAULT_K3S_VERSION = 'v1.36.2+k3s1';

const vmSize = z.string().regex(/^Standard_[A-Za-z0-9_]{1,60}$/, 'an Azure VM size such as Standard_B2s');
const cidr = z.union([z.literal('*'), z.cidrv4(), z.ipv4()]);
const count = (min: number, max: number) => z.number().int().min(min).max(max);

const agents = z
  .strictObject({
    count: count(0, 1000).default(3),
    min: count(0, 1000).default(0),
    max: count(1, 1000).default(10),
    size: vmSize.default('Standard_B2s'),
    priority: z.enum(['Spot', 'Regular']).default('Regular'),
    maxPrice: z
      .number()
      .refine((price) => price === -1 || price > 0, '-1 or a price above 0')
      .default(-1),
    diskGiB: count(30, 4095).default(32),
    autoscale: z
      .strictObject({ cpuAbovePercent: count(1, 100), cpuBelowPercent: count(0, 99) })
      .nullable()
      .default(null),
  })
  .superRefine((value, context) => {
    const wrong = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (value.min > value.max) wrong('min', `must not be above max (${value.max})`);
    if (value.count < value.min || value.count > value.max)
      wrong('count', `must be between min (${value.min}) and max (${value.max})`);
    if (value.autoscale && value.autoscale.cpuBelowPercent >= value.autoscale.cpuAbovePercent) {
      wrong('autoscale', 'cpuBelowPercent must be below cpuAbovePercent');
    }
  });

const masters = z.strictObject({
  count: z
    .union([z.literal(1), z.literal(3), z.literal(5)], '1, 3 or 5: an even number tolerates no more losses')
    .default(1),
  size: vmSize.default('Standard_B2s'),
});

/** What masters serve already: ingress, the engine's API, supervisor and etcd, the kubelet. */
const TAKEN_PORTS: ReadonlySet<number> = new Set([80, 443, 2379, 2380, 6443, 6444, 10250]);

const ssh = z.strictObject({
  publicKey: z
    .string()
    .max(8192)
    .regex(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+) [A-Za-z0-9+/=]+( [^\r\n]*)?$/, 'an OpenSSH public key'),
  port: count(1, 65535)
    .refine((port) => !TAKEN_PORTS.has(port), 'a port that the engine or the ingress does not use')
    .default(22),
  from: z.array(cidr).min(1).max(100),
});

const chaosAction = z.enum(['restart', 'reimage', 'deallocate', 'delete', 'evict']);

const chaos = z.strictObject({
  armed: z.boolean().default(false),
  schedule: z.string().regex(/^(\S+\s+){5}\S+$/, 'six fields: second minute hour day month weekday'),
  timeZone: z.string().refine(isTimeZone, 'an IANA time zone such as Europe/Lisbon').default('UTC'),
  action: chaosAction.default('restart'),
  count: count(1, 100).default(1),
});

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false; // a RangeError is how Intl says that it knows no such zone
  }
}

export const ClusterSpecSchema = z
  .strictObject({
    engine: z.enum(['k3s', 'swarm']),
    location: z.string().regex(/^[a-z0-9]{3,40}$/, 'an Azure location such as westeurope'),
    version: z
      .string()
      .regex(/^v?\d+\.\d+\.\d+([+-][A-Za-z0-9.-]+)?$/, 'a version such as v1.36.2+k3s1')
      .default(DEFAULT_K3S_VERSION),
    masters: masters.prefault({}),
    agents: agents.prefault({}),
    ssh: ssh.nullable().default(null),
    ingress: z.strictObject({ from: z.array(cidr).max(100).default(['*']) }).prefault({}),
    storage: z
      .strictObject({
        shares: z
          .array(
            z.string().regex(/^[a-z0-9](-?[a-z0-9]){2,62}$/, '3 to 63 lower-case letters, digits and single hyphens'),
          )
          .max(20)
          .default(['data', 'config', 'registry']),
        mountAt: z
          .string()
          .regex(/^(\/[A-Za-z0-9._-]+)+$/, 'an absolute path')
          .default('/srv'),
      })
      .prefault({}),
    chaos: chaos.nullable().default(null),
    drift: z.enum(['adopt', 'revert']).default('revert'),
  })
  .meta({ id: 'ClusterSpec' }) satisfies z.ZodType<ClusterSpec>;

export const ScaleSchema = z
  .strictObject({ agents: count(0, 1000), reclaim: z.enum(['delete', 'park']).default('delete') })
  .meta({ id: 'ScaleRequest' });

/** Names of nodes as `GET …/nodes` tells them, or their instance ids; without the field: all that the verb is for. */
const nodes = z
  .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'the name of a node, or its instance id'))
  .min(1)
  .max(1000)
  .optional();

export const StartSchema = z.strictObject({ nodes }).meta({ id: 'StartRequest' });

export const StopSchema = z
  .strictObject({ nodes, deallocate: z.boolean().default(true) })
  .meta({ id: 'StopRequest', description: 'deallocate: false keeps the cores reserved, and billed' });

export const RestartSchema = z.strictObject({ nodes }).meta({ id: 'RestartRequest' });

export const ReimageSchema = z
  .strictObject({ order: z.enum(['parallel', 'serial']).default('serial'), nodes })
  .meta({ id: 'ReimageRequest' });

export const ResizeSchema = z.strictObject({ size: vmSize }).meta({ id: 'ResizeRequest' });

export const engineVersion = z
  .string()
  .regex(/^v?\d+\.\d+\.\d+([+-][A-Za-z0-9.-]+)?$/, 'a version such as v1.36.2+k3s1');

export const UpgradeSchema = z.strictObject({ version: engineVersion }).meta({ id: 'UpgradeRequest' });

export const RepairSchema = z
  .strictObject({ node: z.string().regex(/^master[0-4]$/, 'a master: master0 to master4') })
  .meta({ id: 'RepairRequest' });

/** For verbs that need no more than the cluster's name. An empty body is one too. */
export const EmptySchema = z.strictObject({}).meta({ id: 'EmptyRequest' });

export const ChaosRequestSchema = z
  .strictObject({
    action: chaosAction.default('restart'),
    count: count(1, 1000).optional(),
    fraction: z.number().gt(0).max(1).optional(),
    seed: z.number().int().min(0).max(0xffffffff).optional(),
    concurrency: count(1, 100).default(1),
    dryRun: z.boolean().default(false),
  })
  .refine(({ count, fraction }) => count === undefined || fraction === undefined, {
    path: ['fraction'],
    message: 'give a count or a fraction, not both',
  })
  .meta({ id: 'ChaosRequest' });

export const WORKLOAD_NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;
const replicas = count(0, 1000);

export const WorkloadRequestSchema = z
  .strictObject({
    kind: z.enum(['monitor', 'replicated', 'global', 'stack', 'registry', 'manifest']),
    replicas: replicas.optional(),
    manifest: z.string().min(1).optional().meta({ description: 'YAML or JSON, one or more objects' }),
  })
  .superRefine(({ kind, manifest, replicas }, context) => {
    const wrong = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    if ((kind === 'manifest') !== (manifest !== undefined))
      wrong('manifest', kind === 'manifest' ? 'is needed for this kind' : 'is only for kind manifest');
    if (replicas !== undefined && !['replicated', 'stack'].includes(kind))
      wrong('replicas', 'is only for kinds replicated and stack');
  })
  .meta({ id: 'WorkloadRequest' });

export const ScaleWorkloadSchema = z.strictObject({ replicas }).meta({ id: 'ScaleWorkloadRequest' });

export const HaltSchema = z
  .strictObject({ halted: z.boolean(), reason: z.string().max(500) })
  .meta({ id: 'HaltRequest' });

/** Units whose journals may be read: whatever else runs on a machine is not Starling's to show. */
export const LOG_UNITS = [
  'k3s',
  'k3s-agent',
  'starling-join',
  'starling-ready',
  'starling-leave',
  'starling-events',
  'starling-storage',
  'starling-upgrade',
  'cloud-final',
] as const;

export const JoinSchema = z
  .strictObject({ claims: z.string(), attestation: z.string() })
  .meta({ id: 'AttestedRequest' });

export const ClaimsSchema = z.strictObject({
  cluster: z.string().max(64),
  hostname: z.string().min(1).max(253),
  instanceId: z.string().regex(/^(\d{1,10}|master[0-4])$/),
  bootId: z.string().min(1).max(64),
});

export const ReadyClaimsSchema = z.strictObject({
  ...ClaimsSchema.shape,
  endpoint: z.string().max(300),
  ca: z.string().max(8_192),
  credential: z.string().min(1).max(8_192),
});

const time = z.iso.datetime();
const nullable = <T extends z.ZodType>(type: T) => type.nullable();

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

export const TicketSchema = z
  .strictObject({
    engine: z.enum(['k3s', 'swarm']),
    role: z.enum(['master', 'agent']),
    nodeName: z.string(),
    token: z.string(),
    servers: z.array(z.string()),
    version: z.string(),
    labels: z.record(z.string(), z.string()),
    providerId: z.string().optional(),
    initialise: z.boolean().optional(),
    tlsSans: z.array(z.string()).optional(),
    storage: z
      .strictObject({ account: z.string(), key: z.string(), shares: z.array(z.string()), mountAt: z.string() })
      .optional(),
  })
  .meta({ id: 'Ticket' });

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

const steadyState = z.strictObject({
  holds: z.boolean(),
  agentsReady: z.number(),
  agentsWanted: z.number(),
  mastersReady: z.number(),
  mastersWanted: z.number(),
  pending: z.number(),
  reason: z.string(),
});

const milliseconds = nullable(z.number());

export const ChaosReportSchema = z
  .strictObject({
    id: z.string(),
    cluster: z.string(),
    request: z.strictObject({
      action: chaosAction,
      count: z.number().optional(),
      fraction: z.number().optional(),
      seed: z.number(),
      concurrency: z.number(),
      dryRun: z.boolean(),
    }) satisfies z.ZodType<ChaosRequest>,
    cause: z.string(),
    startedAt: time,
    endedAt: nullable(time),
    verdict: z.enum(['planned', 'running', 'passed', 'deviated', 'skipped', 'halted', 'cancelled']),
    reason: z.string(),
    before: nullable(steadyState),
    after: nullable(steadyState),
    eligible: z.array(z.string()),
    victims: z.array(
      z.strictObject({
        nodeName: z.string(),
        vmId: z.string(),
        instanceId: z.string(),
        struckAt: nullable(time),
        detectedMs: milliseconds,
        rejoinedMs: milliseconds,
        steadyMs: milliseconds,
        problem: z.string(),
      }),
    ),
  })
  .meta({ id: 'ChaosReport' }) satisfies z.ZodType<ChaosReport>;

export const WorkloadSchema = z
  .strictObject({
    name: z.string(),
    kind: z.enum(['monitor', 'replicated', 'global', 'stack', 'registry', 'manifest']),
    desired: z.number(),
    ready: z.number(),
    objects: z.array(z.string()),
    problems: z.array(z.string()),
  })
  .meta({ id: 'Workload' }) satisfies z.ZodType<Workload>;

export const ChaosList = z.strictObject({ runs: z.array(ChaosReportSchema) });
export const WorkloadList = z.strictObject({ workloads: z.array(WorkloadSchema) });
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

export type Ticket = z.infer<typeof TicketSchema>;

export function presentOperation(record: OperationRecord): z.infer<typeof OperationSchema> {
  const { id, cluster, verb, state, phase, progress, startedAt, endedAt, error, result } = record;
  return { id, cluster, verb, state, phase, progress, startedAt, endedAt, error, result };
}

export function presentCluster(record: ClusterRecord, nodes: NodeRecord[]): z.infer<typeof ClusterSchema> {
  const { name, spec, phase, phaseReason, endpoints, operation, createdAt, updatedAt } = record;
  const agentRows = nodes.filter(({ role, state }) => role === 'agent' && state !== 'gone');
  const ready = (rows: NodeRecord[]): number => rows.filter(({ state }) => state === 'ready').length;
  return {
    name,
    spec,
    phase,
    phaseReason,
    agents: { desired: spec.agents.count, ready: ready(agentRows), total: agentRows.length },
    masters: { desired: spec.masters.count, ready: ready(nodes.filter(({ role }) => role === 'master')) },
    endpoints,
    operation,
    createdAt,
    updatedAt,
  };
}

export function presentNode(record: NodeRecord): z.infer<typeof NodeSchema> {
  const { nodeName, role, vmId, instanceId, state, generation, address, since, detail } = record;
  return { name: nodeName, role, vmId, instanceId, state, generation, address, since, ...(detail ? { detail } : {}) };
}
