import { z } from 'zod';
import { count, engineVersion, vmSize } from './fields';

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

export const UpgradeSchema = z.strictObject({ version: engineVersion }).meta({ id: 'UpgradeRequest' });

export const RepairSchema = z
  .strictObject({ node: z.string().regex(/^master[0-4]$/, 'a master: master0 to master4') })
  .meta({ id: 'RepairRequest' });

/** For verbs that need no more than the cluster's name. An empty body is one too. */
export const EmptySchema = z.strictObject({}).meta({ id: 'EmptyRequest' });

export const HaltSchema = z
  .strictObject({ halted: z.boolean(), reason: z.string().max(500) })
  .meta({ id: 'HaltRequest' });

/** Units whose journals may be read: whatever else runs on a machine is not Starling's to show. */
export const LOG_UNITS = [
  'k3s',
  'k3s-agent',
  'docker',
  'starling-join',
  'starling-ready',
  'starling-leave',
  'starling-events',
  'starling-storage',
  'starling-upgrade',
  'cloud-final',
] as const;
