import type { z } from 'zod';
import type { ReimageSchema, RepairSchema, ResizeSchema, UpgradeSchema } from '../shared/api';
import { withUnfinished, type ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import { mayReplaceMaster } from '../shared/model/quorum';
import { canonicalVersion, isSameVersion, upgradeProblem } from '../shared/model/version';
import type { World } from '../shared/ports';
import { choose, isAgent, isParked, namesOf, presentNodes, refuseNodes, servingAgents, vmIdsOf } from './chosen-nodes';
import { requireCluster } from './clusters';
import { operate, requireFree, requireRunning } from './operate';
import { atATime, counted } from './preview';
import { invalid, type Call, type Reply } from './respond';

/** Without nodes: all agents. A master is not reimaged but repaired, since its disk has its share of the quorum. */
export async function reimageNodes(call: Call<z.infer<typeof ReimageSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  requireFree(record);
  const rows = await presentNodes(call.world, record.name);
  const { nodes, order } = call.body;
  const chosen = nodes ? choose(record.name, rows, nodes) : servingAgents(rows);
  refuseNodes(chosen, (row) => {
    if (!isAgent(row)) return 'is a master; repair makes masters anew';
    return isParked(row) ? 'is parked; start it first' : undefined;
  });
  const pace = order === 'parallel' ? 'all at once' : 'one at a time';
  const would = chosen.length > 0 ? [`drain and reimage ${counted(namesOf(chosen), 'agent')}, ${pace}`] : [];
  return operate(call, record, {
    verb: 'reimage',
    input: { order, ...(nodes ? { vmIds: vmIdsOf(chosen) } : {}) },
    would,
  });
}

export async function resizeAgents(call: Call<z.infer<typeof ResizeSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  requireFree(record); // before Azure is asked
  const { size } = call.body;
  const agents = (await presentNodes(call.world, record.name)).filter(isAgent);
  await requireSize(call.world, record, { size, agents: agents.length });
  const before = record.spec.agents.size;
  const would = [
    ...(before === size ? [] : [`give agents to come the size ${size} instead of ${before}`]),
    `drain and resize those of ${counted(namesOf(agents), 'agent')} that have another size, ${atATime(agents.length)}`,
  ];
  return operate(call, record, {
    verb: 'resize',
    input: { size },
    would,
    // The size is written when the scale set has it.
    change: (row) => withUnfinished(row, ['size']),
  });
}

/** Throws INVALID_REQUEST when the location has no such size, QUOTA_EXCEEDED when the subscription may not have so many. */
export async function requireSize(
  world: World,
  { spec }: ClusterRecord,
  { size, agents, field = 'size' }: { size: string; agents: number; field?: string },
): Promise<void> {
  const { location } = spec;
  const sizes = await world.cloud.listSizes(location);
  if (!sizes.some(({ name }) => name === size)) {
    const message = `${size} is not offered in ${location}; GET /api/locations/${location}/sizes lists those that are`;
    throw invalid([{ field, message }]);
  }
  // What the agents have now is given back on the way.
  const needed = [
    { size, count: agents },
    { size: spec.agents.size, count: -agents },
  ];
  const quota = await world.cloud.checkQuota({ location, sizes: needed });
  if (!quota.ok) throw new AppError(quota.code, quota.message);
}

export async function upgradeCluster(call: Call<z.infer<typeof UpgradeSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  const version = canonicalVersion(call.body.version);
  const rows = await presentNodes(call.world, record.name);
  const judge = (row: ClusterRecord): void => {
    requireRunning(row);
    requireUpgradable(row, version);
  };
  return operate(call, record, {
    verb: 'upgrade',
    input: { version },
    would: wouldUpgrade(rows, record, version),
    judge,
    change: (row) => withUnfinished(row, ['version']),
  });
}

/** Throws INVALID_REQUEST for a step back or too wide a step forward. */
export function requireUpgradable({ spec }: ClusterRecord, version: string): void {
  const problem = upgradeProblem(spec.version, version);
  if (problem) throw invalid([{ field: 'version', message: problem }]);
}

export function wouldUpgrade(
  rows: Parameters<typeof servingAgents>[0],
  { spec }: ClusterRecord,
  version: string,
): string[] {
  const masters = rows.filter((row) => !isAgent(row));
  const agents = servingAgents(rows);
  const target = isSameVersion(spec.version, version)
    ? `where it is not ${version} yet`
    : `from ${spec.version} to ${version}`;
  return [
    'save a snapshot of the engine’s state on a master',
    `upgrade ${counted(namesOf(masters), 'master')} ${target}, one at a time`,
    `then drain and reimage ${counted(namesOf(agents), 'agent')}, ${atATime(agents.length)}`,
  ];
}

export async function repairMaster(call: Call<z.infer<typeof RepairSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  const { node } = call.body;
  const { count } = record.spec.masters;
  if (Number(node.replace('master', '')) >= count)
    throw new AppError(
      'NODE_NOT_FOUND',
      `${record.name} has no ${node}: it has ${count} master${count === 1 ? '' : 's'}`,
    );
  const would = [
    `take ${node} out of the quorum, delete its machine, and keep its address`,
    `deploy ${node} anew, and wait until it has joined`,
  ];
  const judge = (row: ClusterRecord): void => {
    requireRunning(row);
    requireOthers(row, node);
  };
  return operate(call, record, { verb: 'repair', input: { name: node }, would, judge });
}

/** A single master is never replaced; whether the others are well enough the operation sees when it has looked. */
function requireOthers({ spec }: ClusterRecord, name: string): void {
  const all = Array.from({ length: spec.masters.count }, (_, index) => ({ name: `master${index}`, ready: true }));
  const refusal = mayReplaceMaster(all, spec.masters.count, name);
  if (refusal) throw new AppError(refusal.code, refusal.message);
}

export async function rebalanceCluster(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const would = ['restart workloads that run on two or more nodes, so that they spread anew over all agents'];
  return operate(call, record, { verb: 'rebalance', would });
}

export async function rotateKeys(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const would = [
    'revoke join tokens that wait for their node, and make a new key that tokens are derived from',
    'have the masters make a new credential for Starling, and forget the old one',
  ];
  return operate(call, record, { verb: 'rotate', would });
}
