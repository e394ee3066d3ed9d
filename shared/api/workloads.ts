import { z } from 'zod';
import type { Workload } from '../model/workload';
import { replicas } from './fields';

export const WORKLOAD_NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;

export const WorkloadRequestSchema = z
  .strictObject({
    kind: z.enum(['monitor', 'replicated', 'global', 'stack', 'registry', 'manifest']),
    replicas: replicas.optional(),
    manifest: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'YAML or JSON. k3s: one or more objects; Swarm: a Compose file' }),
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

export const WorkloadSchema = z
  .strictObject({
    name: z.string(),
    kind: z.enum(['monitor', 'replicated', 'global', 'stack', 'registry', 'manifest']),
    desired: z.number(),
    ready: z.number(),
    objects: z.array(z.string()),
    ports: z
      .array(z.number())
      .optional()
      .meta({ description: 'Of every node; 80 and 443 of masters from outside too' }),
    problems: z.array(z.string()),
  })
  .meta({ id: 'Workload' }) satisfies z.ZodType<Workload>;

export const WorkloadList = z.strictObject({ workloads: z.array(WorkloadSchema) });
