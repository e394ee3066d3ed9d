import { WORKLOAD_NAME, type ScaleWorkloadSchema, type WorkloadRequestSchema } from '../shared/api';
import type { ClusterRecord } from '../shared/model/cluster';
import { ENGINES } from '../shared/model/engines';
import { AppError, type Outcome } from '../shared/model/errors';
import { isReserved, SCALABLE_KINDS, SINGLE_KINDS, type Workload, type WorkloadChange } from '../shared/model/workload';
import type { EnginePort, World } from '../shared/ports';
import type { z } from 'zod';
import { requireCluster } from './clusters';
import { operate, requireFree, requireRunning } from './operate';
import { invalid, type Call, type Reply } from './respond';

/** Throws ENGINE_UNREACHABLE before a master has told how to reach the cluster's engine. */
export function requireReported<T>(found: T | undefined, { name }: ClusterRecord): T {
  if (found === undefined) throw new AppError('ENGINE_UNREACHABLE', `no master of ${name} has reported its engine yet`);
  return found;
}

async function requireEngine(world: World, record: ClusterRecord): Promise<EnginePort> {
  requireRunning(record);
  return requireReported(await world.engines.of(record), record);
}

function workloadName({ params }: Pick<Call, 'params'>): string {
  const name = params['name'] ?? '';
  if (WORKLOAD_NAME.test(name)) return name;
  const message = `a workload’s name is 1 to 40 lower-case letters, digits and hyphens and starts with a letter`;
  throw invalid([{ field: 'name', message }]);
}

export async function listWorkloads(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const workloads = await (await requireEngine(call.world, record)).listWorkloads();
  return { status: 200, body: { workloads: workloads.map(({ mark: _, ...workload }) => workload) } };
}

/**
 * Makes or changes a workload while the operation holds the cluster; the operation then waits until it runs. In this
 * request, because a manifest may be large and may hold secrets, which a history would keep.
 */
export async function putWorkload(call: Call<z.infer<typeof WorkloadRequestSchema>>): Promise<Reply> {
  const name = workloadName(call);
  const { record } = await requireCluster(call);
  const { kind } = call.body;
  if (SINGLE_KINDS.includes(kind) && name !== kind)
    throw invalid([{ field: 'name', message: `a cluster has one ${kind}, and its name is ${kind}` }]);
  if (isReserved({ name, kind }))
    throw invalid([{ field: 'name', message: `${name} is the name of the workload of kind ${name}` }]);
  const engine = await engineFor(call, record);
  const known = await find(engine, name);
  if (known && known.kind !== kind)
    throw invalid([{ field: 'kind', message: `${name} is of kind ${known.kind}; remove it first` }]);
  const change: WorkloadChange = { name, ...call.body, shares: sharesOf(record) };
  return operate(call, record, {
    verb: 'workload',
    input: { name, verb: 'apply' },
    would: [`${known ? 'change' : 'make'} the workload ${name} (${kind}) in ${homeOf(record, name)}`],
    prepare: async ({ id }) => requireOk(await engine.applyWorkload({ ...change, mark: id })),
  });
}

const homeOf = ({ spec }: ClusterRecord, workload: string): string => ENGINES[spec.engine].homeOf(workload);

/** Each share is mounted on every node, in a directory of its name. */
const sharesOf = ({ spec }: ClusterRecord): Record<string, string> =>
  Object.fromEntries(spec.storage.shares.map((share) => [share, `${spec.storage.mountAt}/${share}`]));

export async function scaleWorkload(call: Call<z.infer<typeof ScaleWorkloadSchema>>): Promise<Reply> {
  const name = workloadName(call);
  const { record } = await requireCluster(call);
  const { replicas } = call.body;
  const { kind } = await requireWorkload(await engineFor(call, record), name);
  if (!SCALABLE_KINDS.includes(kind))
    throw invalid([{ field: 'replicas', message: `${name} is of kind ${kind}, which has none` }]);
  return operate(call, record, {
    verb: 'workload',
    input: { name, verb: 'scale', replicas },
    would: [`run ${replicas} replicas of ${name}`],
  });
}

export async function deleteWorkload(call: Call): Promise<Reply> {
  const name = workloadName(call);
  const { record } = await requireCluster(call);
  const { objects } = await requireWorkload(await engineFor(call, record), name);
  return operate(call, record, {
    verb: 'workload',
    input: { name, verb: 'remove' },
    would: [`delete ${homeOf(record, name)} with ${objects.length} objects and all that is in it`],
  });
}

/** What another operation is doing is told before the engine is asked, which may not answer because of it. */
async function engineFor({ world }: Call, record: ClusterRecord): Promise<EnginePort> {
  requireFree(record);
  return requireEngine(world, record);
}

const find = async (engine: EnginePort, name: string): Promise<Workload | undefined> =>
  (await engine.listWorkloads()).find((workload) => workload.name === name);

async function requireWorkload(engine: EnginePort, name: string): Promise<Workload> {
  const found = await find(engine, name);
  if (!found) throw new AppError('WORKLOAD_NOT_FOUND', `there is no workload ${name}`);
  return found;
}

/** A refusal of the engine is the caller's to mend; one of a field names it, `manifest: …`. */
function requireOk(outcome: Outcome<object>): void {
  if (outcome.ok) return;
  const { code, message } = outcome;
  if (code !== 'INVALID_REQUEST') throw new AppError(code, message);
  const [, field = 'body', why = message] = /^(\w+): ([^]*)$/.exec(message) ?? [];
  throw invalid([{ field, message: why }]);
}
