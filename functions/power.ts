import type { z } from 'zod';
import type { RestartSchema, StartSchema, StopSchema } from '../shared/api';
import { withAgents, type ClusterRecord } from '../shared/model/cluster';
import { isServing, type NodeRecord } from '../shared/model/node';
import { choose, isAgent, isParked, namesOf, presentNodes, refuseNodes, servingAgents, vmIdsOf } from './chosen-nodes';
import { requireCluster } from './clusters';
import { operate, requireDeployed, requireFree, requireRunning } from './operate';
import { atATime, counted } from './preview';
import { invalid, type Call, type Reply } from './respond';

/** Without nodes: the whole cluster, masters first, and every agent that is parked. The wish grows by what is started. */
export async function startNodes(call: Call<z.infer<typeof StartSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  requireFree(record);
  const rows = await presentNodes(call.world, record.name);
  return call.body.nodes
    ? startSome(call, record, choose(record.name, rows, call.body.nodes))
    : startAll(call, record, rows);
}

function startSome(call: Call, record: ClusterRecord, chosen: NodeRecord[]): Promise<Reply> {
  refuseNodes(chosen, (row) => (isAgent(row) ? undefined : 'is a master; start without nodes starts masters too'));
  const parked = chosen.filter(isParked);
  const wish = ({ spec }: ClusterRecord): number => spec.agents.count + parked.length;
  return operate(call, record, {
    verb: 'start',
    input: { vmIds: vmIdsOf(chosen) },
    would: parked.length > 0 ? [`start ${counted(namesOf(parked), 'agent')}`, wishBecomes(record, wish(record))] : [],
    judge: (row) => {
      requireRunning(row);
      requireAtMost(row, wish(row));
    },
    change: (row) => ({ ...row, spec: withAgents(row.spec, wish(row)) }),
  });
}

function startAll(call: Call, record: ClusterRecord, rows: NodeRecord[]): Promise<Reply> {
  const masters = rows.filter((row) => !isAgent(row) && isParked(row));
  const agents = rows.filter((row) => isAgent(row) && isParked(row));
  // Of a stopped cluster every agent is parked, also those that the wish counts already.
  const wish = ({ phase, spec }: ClusterRecord): number =>
    phase === 'stopped' ? Math.max(spec.agents.count, agents.length) : spec.agents.count + agents.length;
  const would = [
    ...(masters.length > 0 ? [`start ${counted(namesOf(masters), 'master')}, and wait for the engine`] : []),
    ...(agents.length > 0 ? [`start ${counted(namesOf(agents), 'agent')}`] : []),
    ...(wish(record) === record.spec.agents.count ? [] : [wishBecomes(record, wish(record))]),
  ];
  return operate(call, record, {
    verb: 'start',
    would,
    judge: (row) => {
      requireDeployed(row);
      requireAtMost(row, wish(row));
    },
    change: (row) => ({ ...row, spec: withAgents(row.spec, wish(row)) }),
  });
}

function requireAtMost({ spec }: ClusterRecord, agents: number): void {
  const { max } = spec.agents;
  if (agents <= max) return;
  const message = `would make ${agents} agents, more than max (${max}) of the cluster; name fewer, or raise max`;
  throw invalid([{ field: 'nodes', message }]);
}

const wishBecomes = ({ spec }: ClusterRecord, agents: number): string =>
  `change the wish from ${spec.agents.count} to ${agents} agents`;

/** Without nodes: the whole cluster. Agents that are named are drained first and kept; the wish falls by as many. */
export async function stopNodes(call: Call<z.infer<typeof StopSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  requireFree(record);
  const rows = await presentNodes(call.world, record.name);
  return call.body.nodes
    ? stopSome(call, record, choose(record.name, rows, call.body.nodes))
    : stopAll(call, record, rows);
}

function stopSome(call: Call<z.infer<typeof StopSchema>>, record: ClusterRecord, chosen: NodeRecord[]): Promise<Reply> {
  refuseNodes(chosen, (row) => (isAgent(row) ? undefined : 'is a master; stop without nodes stops the whole cluster'));
  const serving = chosen.filter(({ state }) => isServing(state));
  const { deallocate } = call.body;
  const wish = ({ spec }: ClusterRecord): number => Math.max(0, spec.agents.count - serving.length);
  return operate(call, record, {
    verb: 'stop',
    input: { vmIds: vmIdsOf(chosen), deallocate },
    would:
      serving.length > 0
        ? [`drain and ${offOf(deallocate)} ${counted(namesOf(serving), 'agent')}`, wishBecomes(record, wish(record))]
        : [],
    judge: (row) => {
      requireRunning(row);
      requireAtLeast(row, wish(row));
    },
    change: (row) => ({ ...row, spec: withAgents(row.spec, wish(row)) }),
  });
}

function stopAll(call: Call<z.infer<typeof StopSchema>>, record: ClusterRecord, rows: NodeRecord[]): Promise<Reply> {
  const { deallocate } = call.body;
  const running = rows.filter((row) => !isParked(row));
  const [agents, masters] = [running.filter(isAgent), running.filter((row) => !isAgent(row))];
  const off = offOf(deallocate);
  const would = [
    ...(agents.length > 0 ? [`${off} ${counted(namesOf(agents), 'agent')}`] : []),
    ...(masters.length > 0 ? [`${off} ${counted(namesOf(masters), 'master')} after that`] : []),
    'let repairs, chaos and autoscale rest until it is started',
  ];
  return operate(call, record, { verb: 'stop', input: { deallocate }, would, judge: requireDeployed });
}

const offOf = (deallocate: boolean): string => (deallocate ? 'deallocate' : 'power off');

function requireAtLeast({ spec }: ClusterRecord, agents: number): void {
  const { min } = spec.agents;
  if (agents >= min) return;
  const message = `would leave ${agents} agents, fewer than min (${min}) of the cluster; name fewer, or lower min`;
  throw invalid([{ field: 'nodes', message }]);
}

/** Without nodes: all agents. Masters only by name, since each takes a vote of the quorum with it. */
export async function restartNodes(call: Call<z.infer<typeof RestartSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  requireFree(record);
  const rows = await presentNodes(call.world, record.name);
  const { nodes } = call.body;
  const chosen = nodes ? choose(record.name, rows, nodes) : servingAgents(rows);
  refuseNodes(chosen, (row) => (isParked(row) ? 'is parked; start it instead' : undefined));
  const [agents, masters] = [chosen.filter(isAgent), chosen.filter((row) => !isAgent(row))];
  const would = [
    ...(masters.length > 0 ? [`restart ${counted(namesOf(masters), 'master')}, one at a time`] : []),
    ...(agents.length > 0 ? [`drain and restart ${counted(namesOf(agents), 'agent')}, ${atATime(agents.length)}`] : []),
  ];
  return operate(call, record, { verb: 'restart', input: nodes ? { vmIds: vmIdsOf(chosen) } : {}, would });
}
