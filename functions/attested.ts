import type { z } from 'zod';
import { ClaimsSchema } from '../shared/api';
import type { JoinSchema } from '../shared/api';
import type { ClusterRecord } from '../shared/model/cluster';
import { AppError, ERRORS } from '../shared/model/errors';
import { roleOf } from '../shared/model/join';
import { advanceTo, type NodeRecord } from '../shared/model/node';
import { newRow, stateEvent } from '../shared/model/observe';
import type { Versioned, World } from '../shared/ports';
import { requireCluster } from './clusters';
import { noteRefusal } from './refusals';
import type { Call } from './respond';

export type AttestedCall = Call<z.infer<typeof JoinSchema>>;
export type Claims = z.infer<typeof ClaimsSchema>;

export interface Caller<C extends Claims> {
  record: ClusterRecord;
  claims: C;
  row: Versioned<NodeRecord>;
}

/** Claims larger than a CA and a credential together mean nothing. */
const MAX_CLAIMS_CHARACTERS = 20_000;
/** The largest base64 text of an attested document that is looked at. */
const MAX_ATTESTATION_CHARACTERS = 16_384;

/**
 * Who is calling? Checks cheapest first: size and shape, attestation, cluster, then that the VM is of this cluster, by the
 * registry or else by one ARM lookup. Every refusal leaves an event row of the cluster, if there is such a cluster.
 */
export async function identify<C extends Claims>(call: AttestedCall, schema: z.ZodType<C>): Promise<Caller<C>> {
  const { record } = await requireCluster(call);
  try {
    const claims = parseClaims(call.body, schema);
    if (claims.cluster !== record.name) throw new AppError('CLAIMS_MISMATCH', 'the claims name another cluster');
    const verdict = await call.world.attestation.verify(call.body);
    // The reason goes to the event row: the caller could learn from it which check to attack next.
    if (!verdict.ok) throw new AppError(verdict.code, ERRORS[verdict.code].title, { cause: verdict.message });
    return { record, claims, row: await rowOf(call.world, record, claims, verdict.vmId.toLowerCase()) };
  } catch (error) {
    if (error instanceof AppError) await noteRefusal(call.world, record.name, error);
    throw error;
  }
}

function parseClaims<C>({ claims, attestation }: z.infer<typeof JoinSchema>, schema: z.ZodType<C>): C {
  if (attestation.length > MAX_ATTESTATION_CHARACTERS)
    throw new AppError('ATTESTATION_TOO_LARGE', `the document is longer than ${MAX_ATTESTATION_CHARACTERS} characters`);
  if (claims.length > MAX_CLAIMS_CHARACTERS)
    throw new AppError('CLAIMS_MALFORMED', `claims are longer than ${MAX_CLAIMS_CHARACTERS} characters`);
  let json: unknown;
  try {
    json = JSON.parse(claims);
  } catch {
    throw new AppError('CLAIMS_MALFORMED', 'claims are not JSON text'); // the parser's message would echo the claims
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'claims'}: ${issue.code}`);
  throw new AppError('CLAIMS_MALFORMED', fields.join('; '));
}

async function rowOf(
  world: World,
  { name }: ClusterRecord,
  claims: Claims,
  vmId: string,
): Promise<Versioned<NodeRecord>> {
  const unknown = new AppError('UNKNOWN_INSTANCE', `the virtual machine is not ${claims.instanceId} of ${name}`);
  const known = await world.nodes.get(name, vmId);
  if (known) {
    // A machine that is gone cannot ask: somebody has kept what it once said.
    if (known.record.instanceId !== claims.instanceId || known.record.state === 'gone') throw unknown;
    return known;
  }
  const machine = await world.cloud.getMachine(name, roleOf(claims.instanceId), claims.instanceId);
  if (machine?.vmId.toLowerCase() !== vmId) throw unknown;
  const now = new Date(world.clock.now()).toISOString();
  const fresh = newRow({ cluster: name, now }, { ...machine, vmId });
  const row = advanceTo(fresh, 'booting', now) ?? fresh;
  if (await world.nodes.insert(row)) await world.events.append([stateEvent(row, undefined, { now, cause: 'node' })]);
  const inserted = await world.nodes.get(name, vmId);
  if (!inserted)
    throw new AppError('AZURE_UNAVAILABLE', 'the node’s row is being written; try again', { retryAfterMs: 2000 });
  return inserted;
}
