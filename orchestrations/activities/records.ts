import { AppError } from '../../shared/model/errors';
import type { ClusterRecord } from '../../shared/model/cluster';
import type { EventRecord } from '../../shared/model/event';
import type { NodeRecord } from '../../shared/model/node';
import type { EnginePort, World } from '../../shared/ports';

export const isoNow = (world: World): string => new Date(world.clock.now()).toISOString();

/** The cluster's row; throws CLUSTER_NOT_FOUND, which no retry cures, when it was destroyed meanwhile. */
export async function requireCluster(world: World, cluster: string): Promise<ClusterRecord> {
  const found = await world.clusters.get(cluster);
  if (!found) throw new AppError('CLUSTER_NOT_FOUND', `there is no cluster ${cluster}`);
  return found.record;
}

/** Conditional writes that lost are tried again from a fresh read; more often only under a storm of writers. */
const WRITE_ATTEMPTS = 20;

/** Changes the cluster's row; `change` may be called again with a newer row and returns undefined for "leave it". */
export async function updateCluster(
  world: World,
  cluster: string,
  change: (record: ClusterRecord) => ClusterRecord | undefined,
): Promise<ClusterRecord | undefined> {
  for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
    const found = await world.clusters.get(cluster);
    if (!found) return undefined;
    const changed = change(found.record);
    if (!changed) return found.record;
    const record = { ...changed, updatedAt: isoNow(world) };
    if (await world.clusters.replace(record, found.etag)) return record;
  }
  throw new AppError('AZURE_UNAVAILABLE', `the row of ${cluster} is being written by too many at once`);
}

/** Changes some nodes' rows; rows that others change meanwhile are read again. Returns the rows as they are then. */
export async function updateNodes(
  world: World,
  cluster: string,
  vmIds: string[],
  change: (record: NodeRecord) => NodeRecord | undefined,
): Promise<NodeRecord[]> {
  const wanted = new Set(vmIds);
  let pending = wanted;
  for (let attempt = 0; attempt < WRITE_ATTEMPTS && pending.size > 0; attempt++) {
    const rows = (await world.nodes.list(cluster)).filter(({ record }) => pending.has(record.vmId));
    const changed = rows.flatMap(({ record, etag }) => {
      const after = change(record);
      return after ? [{ record: after, etag }] : [];
    });
    const { conflicts } = changed.length > 0 ? await world.nodes.writeAll(changed) : { conflicts: [] };
    pending = new Set(conflicts);
  }
  return (await world.nodes.list(cluster)).map(({ record }) => record).filter(({ vmId }) => wanted.has(vmId));
}

/** The rows of these VMs, by instance id. */
export async function rowsOf(world: World, cluster: string, vmIds: string[]): Promise<NodeRecord[]> {
  const wanted = new Set(vmIds);
  const rows = (await world.nodes.list(cluster)).map(({ record }) => record).filter(({ vmId }) => wanted.has(vmId));
  return rows.sort(byInstance);
}

/** master0 before master1, agent 9 before agent 10. */
export const byInstance = (a: NodeRecord, b: NodeRecord): number =>
  a.instanceId.localeCompare(b.instanceId, 'en', { numeric: true });

export async function writeEvent(world: World, event: Omit<EventRecord, 'at' | 'id'> & { id?: string }): Promise<void> {
  const at = isoNow(world);
  await world.events.append([
    { ...event, at, id: event.id ?? `${at}-${event.type}-${event.subject || event.cluster}` },
  ]);
}

/** The cluster's engine, or undefined before a master has reported it. */
export const engineOf = (world: World, record: ClusterRecord): Promise<EnginePort | undefined> =>
  world.engines.of(record);

/** Automation gives way to operators: true while no other operation holds the cluster, and nobody has moved the halt lever. */
export async function mayProceed(world: World, cluster: string, operationId: string | undefined): Promise<boolean> {
  const found = await world.clusters.get(cluster);
  if (found?.record.operation !== (operationId ?? null)) return false;
  return operationId !== undefined || !(await world.halt.read()).halted;
}
