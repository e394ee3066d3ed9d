import type { ClusterRecord } from '../../shared/model/cluster';
import type { Outcome } from '../../shared/model/errors';
import type { NodeRecord } from '../../shared/model/node';
import { shortageAfter } from '../../shared/model/health';
import { plan, type Action } from '../../shared/model/plan';
import type { World } from '../../shared/ports';
import type { ReconcileInput } from '../contracts';
import { look, releaseHeldNodes, removeStrayNodes } from './observation';
import { noteShortage } from './scaling';
import { mayProceed, requireCluster, updateCluster, updateNodes, writeEvent } from './records';

/** Phases in which automation has nothing to look after. */
const AT_REST = ['deploying', 'deleting', 'failed', 'stopped', 'stored'];

/** One look and the plan that follows from it. A running operation looks for itself, so then nothing is done here. */
export async function planRepairs(
  world: World,
  { cluster, cause }: ReconcileInput,
): Promise<{ actions: Action[]; settled: boolean }> {
  const found = await world.clusters.get(cluster);
  if (!found || found.record.phase === 'deleting' || found.record.operation !== null)
    return { actions: [], settled: true };
  await updateCluster(world, cluster, (row) =>
    row.reconcileRequestedAt ? { ...row, reconcileRequestedAt: null } : undefined,
  );
  const seen = await look(world, cluster, cause);
  const { halted } = await world.halt.read();
  if (seen.record.operation !== null || AT_REST.includes(seen.record.phase)) return { actions: [], settled: false };
  const shortage = shortageAfter(seen.record.shortage, { spec: seen.record.spec, rows: seen.rows });
  const planned = plan({
    shortage,
    spec: seen.record.spec,
    rows: seen.rows,
    machines: seen.machines,
    capacity: isBusy(seen.scaleSet?.provisioning) ? undefined : seen.scaleSet?.capacity,
    engineReachable: seen.engineNodes !== undefined,
    halted,
    now: world.clock.now(),
  });
  if (!halted) {
    await removeStrayNodes(world, seen);
    await releaseHeldNodes(world, seen);
  }
  await notePhase(world, cluster, { ...planned, shortage });
  return { actions: planned.actions, settled: planned.actions.length === 0 };
}

/** While Azure works on the scale set its numbers are between two truths. */
const isBusy = (provisioning: string | undefined): boolean =>
  provisioning === 'updating' || provisioning === 'creating';

type Standing = Pick<ClusterRecord, 'phase' | 'phaseReason' | 'shortage'>;

async function notePhase(world: World, cluster: string, standing: Standing): Promise<void> {
  const { phase, phaseReason, shortage } = standing;
  const before = await requireCluster(world, cluster);
  const isSame = (row: ClusterRecord): boolean =>
    row.phase === phase && row.phaseReason === phaseReason && row.shortage === shortage;
  const after = await updateCluster(world, cluster, (row) =>
    row.operation !== null || AT_REST.includes(row.phase) || isSame(row)
      ? undefined
      : { ...row, phase, phaseReason, shortage },
  );
  if (after?.phase !== phase || (before.phase === phase && before.shortage === shortage)) return;
  const message = `the cluster is ${phase}${phaseReason ? `: ${phaseReason}` : ''}`;
  await writeEvent(world, { cluster, type: `cluster.${phase}`, subject: cluster, cause: 'timer', message });
}

export async function endReconcile(world: World, { cluster }: { cluster: string }): Promise<{ again: boolean }> {
  const found = await world.clusters.get(cluster);
  return {
    again: found !== undefined && found.record.reconcileRequestedAt !== null && found.record.phase !== 'deleting',
  };
}

/** Powers agents on or restarts them, and counts the attempt so that a hopeless one is only reported in the end. */
export async function powerAgents(
  world: World,
  input: { cluster: string; verb: 'start' | 'restart'; vmIds: string[]; reason: string; operationId?: string },
): Promise<Outcome<{ poller: string | null }>> {
  const { cluster, verb, vmIds, reason, operationId } = input;
  if (!(await mayProceed(world, cluster, operationId))) return { ok: true, poller: null };
  // The plan may be some minutes old: whoever serves again is left alone.
  const isDue = ({ vmId, state }: NodeRecord): boolean =>
    vmIds.includes(vmId) && (verb === 'restart' ? state === 'notReady' : state !== 'ready');
  const rows = (await world.nodes.list(cluster)).map(({ record }) => record).filter(isDue);
  if (rows.length === 0) return { ok: true, poller: null };
  const instanceIds = rows.map(({ instanceId }) => instanceId);
  const begun =
    verb === 'start'
      ? await world.cloud.startAgents(cluster, instanceIds)
      : await world.cloud.restartAgents(cluster, instanceIds);
  if (!begun.ok && operationId === undefined) await noteShortage(world, cluster, begun);
  if (begun.ok) await updateNodes(world, cluster, idsOf(rows), (row) => ({ ...row, repairs: row.repairs + 1 }));
  const outcome = begun.ok ? 'begun' : `refused: ${begun.message}`;
  for (const row of rows) {
    const message = `${verb} of ${row.nodeName} ${outcome}, because ${reason}`;
    await writeEvent(world, {
      cluster,
      type: `repair.${verb}`,
      subject: row.nodeName,
      cause: operationId ?? 'timer',
      message,
    });
  }
  return begun;
}

const idsOf = (rows: NodeRecord[]): string[] => rows.map(({ vmId }) => vmId);

export async function startMaster(
  world: World,
  input: { cluster: string; name: string; reason: string },
): Promise<Outcome<{ poller: string | null }>> {
  const { cluster, name, reason } = input;
  if (!(await mayProceed(world, cluster, undefined))) return { ok: true, poller: null };
  const begun = await world.cloud.startMaster(cluster, name);
  const message = `start of ${name} ${begun.ok ? 'begun' : `refused: ${begun.message}`}, because ${reason}`;
  await writeEvent(world, { cluster, type: 'repair.start', subject: name, cause: 'timer', message });
  return begun;
}
