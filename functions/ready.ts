import { X509Certificate } from 'node:crypto';
import type { z } from 'zod';
import { ReadyClaimsSchema } from '../shared/api';
import type { ClusterRecord } from '../shared/model/cluster';
import { ENGINES } from '../shared/model/engines';
import { AppError } from '../shared/model/errors';
import { masterNames } from '../shared/model/names';
import type { NodeRecord, NodeState } from '../shared/model/node';
import type { EngineAccess, World } from '../shared/ports';
import { identify, type AttestedCall, type Caller } from './attested';
import { fqdnOf, labelsOf } from './join';
import { noteRefusal } from './refusals';
import type { Reply } from './respond';
import { requestReconcile } from './request-reconcile';

type Reporter = Caller<z.infer<typeof ReadyClaimsSchema>>;

/**
 * A node reports that its engine runs: a master how Starling reaches it, and where tickets do not name nodes every one of them
 * which it is. A repeat replaces the report.
 */
export async function ready(call: AttestedCall): Promise<Reply> {
  const caller = await identify(call, ReadyClaimsSchema);
  const { record, row } = caller;
  const { world } = call;
  try {
    const told = [...(await takeAccess(world, caller)), ...(await takeName(world, caller))];
    await tell(world, row.record, told.join(' and '));
  } catch (error) {
    if (error instanceof AppError) await noteRefusal(world, record.name, error, row.record.nodeName);
    throw error;
  }
  await requestReconcile(call, record.name, 'node');
  return { status: 200, body: { accepted: true } };
}

/** What a master tells of its engine. */
async function takeAccess(world: World, { record, claims, row }: Reporter): Promise<string[]> {
  const { role, instanceId, nodeName } = row.record;
  const { endpoint, ca: caPem, credential } = claims;
  if (role !== 'master') {
    const mayReport = ENGINES[record.spec.engine].namedBy === 'report' && !endpoint && !caPem && !credential;
    if (mayReport) return [];
    throw new AppError('NOT_A_MASTER', `${nodeName} is an agent`);
  }
  if (!endpoint || !caPem || !credential)
    throw new AppError('CLAIMS_MALFORMED', 'a master must tell endpoint, ca and credential');
  const problem = reportProblem({ endpoint, caPem }, endpointOf(world, record, instanceId));
  if (problem) throw new AppError('CLAIMS_MALFORMED', problem);
  const others = otherEndpoints(world, record, endpoint);
  await world.engines.keep(record, instanceId, { endpoint, ...(others && { others }), caPem, credential });
  return [`its engine at ${endpoint}`];
}

/** Not one that is parked: somebody may have started it, which no look has seen yet. */
const GOING: ReadonlySet<NodeState> = new Set(['draining', 'leaving', 'failed']);

/** Which node of the engine this machine is, where its ticket could not name it. */
async function takeName(world: World, { record, claims, row }: Reporter): Promise<string[]> {
  if (ENGINES[record.spec.engine].namedBy !== 'report') return [];
  if (!claims.nodeId) throw new AppError('CLAIMS_MALFORMED', 'nodeId is missing');
  const { nodeName, address, vmId, role, state } = row.record;
  // With its name it would get work.
  if (GOING.has(state)) throw new AppError('NODE_LEAVING', `${nodeName} is ${state}`);
  const engine = await world.engines.of(record);
  if (!engine)
    throw new AppError('CLUSTER_NOT_READY', 'no master is ready yet; report again', { retryAfterMs: 10_000 });
  const claimed = await engine.claimNode({
    id: claims.nodeId,
    nodeName,
    address,
    vmId,
    bootId: claims.bootId,
    isMaster: role === 'master',
    labels: labelsOf(record, row.record),
  });
  if (!claimed.ok) throw new AppError(claimed.code, claimed.message);
  return [`itself as node ${claims.nodeId} of the engine`];
}

async function tell(world: World, { cluster, vmId, nodeName }: NodeRecord, what: string): Promise<void> {
  const at = new Date(world.clock.now()).toISOString();
  const message = `${nodeName} reported ${what}`;
  await world.events.append([
    { cluster, id: `${at}-${vmId}-ready`, at, type: 'engine.ready', subject: nodeName, cause: 'node', message },
  ]);
}

const endpointOf = (world: World, record: ClusterRecord, master: string): string =>
  `https://${fqdnOf(world, record, master)}:${ENGINES[record.spec.engine].apiPort}`;

/** Undefined where each master has keys of its own. */
function otherEndpoints(world: World, record: ClusterRecord, own: string): string[] | undefined {
  if (ENGINES[record.spec.engine].reportOf === 'master') return undefined;
  return masterNames(record.spec.masters.count)
    .map((name) => endpointOf(world, record, name))
    .filter((url) => url !== own);
}

/** The endpoint must be that very master’s name: Starling will send its credential there and nowhere else. */
function reportProblem(
  { endpoint, caPem }: Pick<EngineAccess, 'endpoint' | 'caPem'>,
  wanted: string,
): string | undefined {
  if (endpoint !== wanted) return `endpoint must be ${wanted}`;
  try {
    return new X509Certificate(caPem).ca ? undefined : 'ca is not the certificate of a certificate authority';
  } catch {
    return 'ca is not a PEM certificate'; // the parser only says that it is not one
  }
}
