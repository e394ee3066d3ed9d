import { AppError } from '../shared/model/errors';
import { isServing, type NodeRecord } from '../shared/model/node';
import type { World } from '../shared/ports';
import { invalid } from './respond';

export const isAgent = ({ role }: NodeRecord): boolean => role === 'agent';
export const isParked = ({ state }: NodeRecord): boolean => state === 'parked';
export const namesOf = (rows: NodeRecord[]): string[] => rows.map(({ nodeName }) => nodeName);
export const vmIdsOf = (rows: NodeRecord[]): string[] => rows.map(({ vmId }) => vmId);

/** All rows of the cluster, masters first, each role by name. */
export async function listRows(world: World, cluster: string): Promise<NodeRecord[]> {
  const rows = (await world.nodes.list(cluster)).map(({ record }) => record);
  return rows.sort((a, b) => b.role.localeCompare(a.role) || a.nodeName.localeCompare(b.nodeName));
}

/** Those of them that have a machine, as far as Azure has told. */
export const presentNodes = async (world: World, cluster: string): Promise<NodeRecord[]> =>
  (await listRows(world, cluster)).filter(({ state }) => state !== 'gone');

/** Agents that an operation on all of them is about. */
export const servingAgents = (rows: NodeRecord[]): NodeRecord[] =>
  rows.filter((row) => isAgent(row) && isServing(row.state));

/**
 * The rows that a request names, by node name or instance id, each once. Azure may give an instance id again, so the
 * newest row of it counts. Throws NODE_NOT_FOUND naming all that are unknown.
 */
export function choose(cluster: string, rows: NodeRecord[], wanted: string[]): NodeRecord[] {
  const newestFirst = [...rows].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  const found = wanted.map(
    (name) =>
      newestFirst.find(({ nodeName }) => nodeName === name) ??
      newestFirst.find(({ instanceId }) => instanceId === name),
  );
  const unknown = wanted.filter((_, index) => !found[index]);
  if (unknown.length > 0)
    throw new AppError(
      'NODE_NOT_FOUND',
      `${cluster} has no node ${unknown.join(', ')}; GET /api/clusters/${cluster}/nodes lists those that are`,
    );
  return [...new Map(found.flatMap((row) => (row ? [[row.vmId, row]] : []))).values()];
}

/** Throws INVALID_REQUEST that says of each chosen node what stands against it, if anything does. */
export function refuseNodes(chosen: NodeRecord[], objection: (row: NodeRecord) => string | undefined): void {
  const errors = chosen.flatMap((row) => {
    const message = isLeaving(row) ? 'is being removed' : objection(row);
    return message ? [{ field: 'nodes', message: `${row.nodeName} ${message}` }] : [];
  });
  if (errors.length > 0) throw invalid(errors);
}

const isLeaving = ({ state }: NodeRecord): boolean => state === 'draining' || state === 'leaving';
