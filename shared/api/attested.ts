import { z } from 'zod';

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

const storageAccess = z.strictObject({
  account: z.string(),
  key: z.string(),
  shares: z.array(z.string()),
  mountAt: z.string(),
});

export type StorageAccess = z.infer<typeof storageAccess>;

/** `null`: the cluster has no shares. */
export const StorageAnswerSchema = z.strictObject({ storage: storageAccess.nullable() }).meta({ id: 'StorageAnswer' });

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
    storage: storageAccess.optional(),
  })
  .meta({ id: 'Ticket' });

export type Ticket = z.infer<typeof TicketSchema>;
