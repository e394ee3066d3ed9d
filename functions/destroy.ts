import { ClusterSpecSchema } from '../shared/api';
import { computeGroup, storageGroup, type ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import { begin, started } from './begin';
import { clusterName } from './clusters';
import { isPreview, preview } from './preview';
import type { Call, Reply } from './respond';

/** In any state of the cluster; pre-empts what runs on it, unless that is a destroy. */
export async function destroyCluster(call: Call): Promise<Reply> {
  const name = clusterName(call);
  const storage = call.query['storage'] ?? 'delete';
  if (!(await call.world.clusters.get(name))) return destroyKept(call, name);
  const groups = storage === 'keep' ? [computeGroup(name)] : [computeGroup(name), storageGroup(name)];
  if (isPreview(call)) return preview('destroy', groups.map(wouldDelete));
  const change = (row: ClusterRecord): ClusterRecord => ({ ...row, phase: 'deleting', phaseReason: '' });
  return started(await begin(call, name, { verb: 'destroy', input: { storage }, change, preempt: true }));
}

const wouldDelete = (group: string): string => `delete the resource group ${group} and everything in it`;

/**
 * Of a cluster that was destroyed with its storage kept, that storage. It gets a row for the time, so that it has the same
 * lock as every other operation on that name.
 */
async function destroyKept(call: Call, name: string): Promise<Reply> {
  const isThere = call.query['storage'] !== 'keep' && (await call.world.cloud.ownsGroup(name, storageGroup(name)));
  if (!isThere)
    throw new AppError('CLUSTER_NOT_FOUND', `there is no cluster ${name}; GET /api/clusters lists those that are`);
  if (isPreview(call)) return preview('destroy', [wouldDelete(storageGroup(name))]);
  const create = { spec: FORGOTTEN, phase: 'deleting' as const };
  return started(await begin(call, name, { verb: 'destroy', input: { storage: 'delete' }, create }));
}

/** Nothing is on record any more of what the cluster was like. */
const FORGOTTEN = ClusterSpecSchema.parse({ engine: 'k3s', location: 'unknown', agents: { count: 0 } });
