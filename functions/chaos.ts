import { randomInt } from 'node:crypto';
import type { ChaosRequestSchema } from '../shared/api';
import type { ChaosReport, ChaosRequest } from '../shared/model/chaos';
import { draftReport, type ChaosOrder, type ChaosSituation } from '../shared/model/chaos-report';
import type { ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import type { World } from '../shared/ports';
import type { z } from 'zod';
import { clusterName, requireCluster } from './clusters';
import { operate, requireFree, requireRunning } from './operate';
import { isPreview, preview } from './preview';
import { invalid, type Call, type Reply } from './respond';

const SEEDS = 2 ** 32;
/** More than anybody reads; older reports stay in the table and are answered when more are asked for. */
const DEFAULT_RUNS = 50;

/** A run that an operator asks for begins at once, whether chaos is armed or not. */
export async function startChaos(call: Call<z.infer<typeof ChaosRequestSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  const request: ChaosRequest = { ...call.body, seed: call.body.seed ?? randomInt(SEEDS) };
  requireEvictable(record, request);
  requireFree(record);
  requireRunning(record);
  if (isPreview(call)) return preview('chaos', await wouldStrike(call.world, record, request));
  return operate(call, record, { verb: 'chaos', input: { request, cause: 'operator' }, would: [] });
}

function requireEvictable({ spec }: ClusterRecord, { action }: ChaosRequest): void {
  if (action !== 'evict' || spec.agents.priority === 'Spot') return;
  throw invalid([{ field: 'action', message: 'evict is for agents of priority Spot: Azure evicts no others' }]);
}

async function wouldStrike(world: World, record: ClusterRecord, request: ChaosRequest): Promise<string[]> {
  const { report, concurrency } = await draftNow(world, record, { request, id: '', cause: 'operator' });
  const { verdict, reason, victims, eligible, before } = report;
  if (victims.length === 0) return [`strike nobody: ${reason}`];
  const plan = `${victims.length} of ${eligible.length} eligible agents, ${concurrency} at a time, seed ${request.seed}`;
  return [
    `${request.action} ${plan}${reason ? ` (${reason})` : ''}`,
    ...victims.map(({ nodeName }) => `${request.action} ${nodeName}`),
    ...(verdict === 'planned' ? ['touch nothing: dryRun'] : []),
    ...(before && !before.holds ? [`find no steady state: ${before.reason}`] : []),
  ];
}

/** What a run would do now, by the registry's rows and the engine, without a look at Azure. */
export async function draftNow(
  world: World,
  record: ClusterRecord,
  order: Omit<ChaosOrder, 'cluster' | 'startedAt'> & { startedAt?: string },
): Promise<{ report: ChaosReport; concurrency: number }> {
  const startedAt = order.startedAt ?? new Date(world.clock.now()).toISOString();
  return draftReport({ ...order, cluster: record.name, startedAt }, await situationOf(world, record));
}

async function situationOf(world: World, record: ClusterRecord): Promise<ChaosSituation> {
  const rows = (await world.nodes.list(record.name)).map((row) => row.record);
  const { halted, reason } = await world.halt.read();
  const common = { spec: record.spec, rows, halted: halted ? reason : undefined, now: world.clock.now() };
  try {
    const engine = await world.engines.of(record);
    const [nodes = [], pending] = [await engine?.listNodes(), await engine?.countPending()];
    return { ...common, nodes, pending };
  } catch (error) {
    if (error instanceof AppError && error.code === 'ENGINE_UNREACHABLE')
      return { ...common, nodes: [], pending: undefined };
    throw error;
  }
}

export async function listChaos(call: Call): Promise<Reply> {
  const cluster = clusterName(call);
  const reports = await call.world.chaos.list(cluster, Number(call.query['limit'] ?? DEFAULT_RUNS));
  if (reports.length === 0) await requireCluster(call); // a destroyed cluster keeps its reports, as it keeps its events
  return { status: 200, body: { runs: await Promise.all(reports.map((report) => settled(call.world, report))) } };
}

/** A run that was pre-empted had no time to write its verdict. */
async function settled(world: World, report: ChaosReport): Promise<ChaosReport> {
  if (report.verdict !== 'running') return report;
  const operation = (await world.operations.get(report.id))?.record;
  if (operation?.state === 'running') return report;
  const reason = operation?.error?.message ?? 'its operation ended without a verdict';
  return { ...report, verdict: 'cancelled', reason, endedAt: operation?.endedAt ?? report.startedAt };
}
