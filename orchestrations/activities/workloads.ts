import { AppError, type Outcome } from '../../shared/model/errors';
import type { EnginePort, Rebalancing, World } from '../../shared/ports';
import type { PhaseView, WorkloadView } from '../contracts';
import { engineOf, requireCluster } from './records';

async function requireEngine(world: World, cluster: string): Promise<EnginePort> {
  const engine = await engineOf(world, await requireCluster(world, cluster));
  if (!engine) throw new AppError('ENGINE_UNREACHABLE', `no master of ${cluster} has reported its engine`);
  return engine;
}

/** A silent engine may be a master that restarts: who waits has a deadline, and decides. */
async function unlessSilent<T>(run: () => Promise<T>, silent: T): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AppError && error.code === 'ENGINE_UNREACHABLE') return silent;
    throw error;
  }
}

export async function setReplicas(
  world: World,
  { cluster, name, replicas }: { cluster: string; name: string; replicas: number },
): Promise<Outcome<object>> {
  return (await requireEngine(world, cluster)).scaleWorkload(name, replicas);
}

const UNKNOWN: WorkloadView = { reachable: false, applied: false, desired: 0, ready: 0, problems: [] };

export function viewWorkload(
  world: World,
  { cluster, name, operationId }: { cluster: string; name: string; operationId?: string },
): Promise<WorkloadView> {
  return unlessSilent(async () => {
    const workloads = await (await requireEngine(world, cluster)).listWorkloads();
    const found = workloads.find((workload) => workload.name === name);
    if (!found) return { ...UNKNOWN, reachable: true };
    const { desired, ready, problems, mark } = found;
    return { reachable: true, applied: operationId === undefined || mark === operationId, desired, ready, problems };
  }, UNKNOWN);
}

export function endWorkload(
  world: World,
  { cluster, name }: { cluster: string; name: string },
): Promise<{ left: number }> {
  return unlessSilent(async () => ({ left: await (await requireEngine(world, cluster)).removeWorkload(name) }), {
    left: -1,
  });
}

export async function restartUneven(
  world: World,
  { cluster, mark }: { cluster: string; mark: string },
): Promise<Rebalancing> {
  return (await requireEngine(world, cluster)).rebalance(mark);
}

export function viewRollouts(
  world: World,
  { cluster, names }: { cluster: string; names: string[] },
): Promise<{ waiting: string[] }> {
  return unlessSilent(async () => ({ waiting: await (await requireEngine(world, cluster)).rollouts(names) }), {
    waiting: names,
  });
}

export async function readPhase(world: World, { cluster }: { cluster: string }): Promise<PhaseView> {
  const { phase, phaseReason } = await requireCluster(world, cluster);
  return { phase, phaseReason };
}
