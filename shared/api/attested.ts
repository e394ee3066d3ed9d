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

export const JoinClaimsSchema = z.strictObject({
  ...ClaimsSchema.shape,
  /** It has joined before, and its engine has told it that this counts no longer. */
  rejoin: z.literal(true).optional(),
});

/** A master tells all of `endpoint`, `ca` and `credential`; a node that was not named by its ticket tells its id. */
export const ReadyClaimsSchema = z
  .strictObject({
    ...ClaimsSchema.shape,
    endpoint: z.string().max(300).optional(),
    ca: z.string().max(8_192).optional(),
    credential: z.string().min(1).max(8_192).optional(),
    /** As Swarm makes ids: 25 digits and letters of base 36. */
    nodeId: z
      .string()
      .regex(/^[0-9a-z]{25}$/)
      .optional(),
  })
  .refine(
    ({ endpoint, ca, credential, nodeId }) => nodeId !== undefined || (endpoint && ca && credential),
    'tells neither a node nor an engine',
  );

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
