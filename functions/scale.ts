import type { z } from 'zod';
import type { ScaleSchema } from '../shared/api';
import { withAgents, type ClusterRecord } from '../shared/model/cluster';
import type { NodeRecord } from '../shared/model/node';
import { chooseVictims } from '../shared/model/victims';
import { isAgent, isParked, namesOf, presentNodes, servingAgents } from './chosen-nodes';
import { requireCluster } from './clusters';
import { operate, requireFree, requireRunning } from './operate';
import { counted } from './preview';
import { invalid, type Call, type Reply } from './respond';

export async function scaleCluster(call: Call<z.infer<typeof ScaleSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  const { agents, reclaim } = call.body;
  requireWithin(record, agents);
  requireFree(record);
  const rows = await presentNodes(call.world, record.name);
  return operate(call, record, {
    verb: 'scale',
    input: { agents, ...(reclaim === 'park' ? { reclaim } : {}) },
    would: wouldScale(rows, agents, reclaim),
    judge: (row) => {
      requireWithin(row, agents);
      requireRunning(row);
    },
    change: (row) => ({ ...row, spec: withAgents(row.spec, agents) }),
  });
}

function requireWithin({ spec }: ClusterRecord, agents: number): void {
  const { min, max } = spec.agents;
  if (agents >= min && agents <= max) return;
  throw invalid([{ field: 'agents', message: `must be between min (${min}) and max (${max}) of the cluster` }]);
}

/** Parked agents come first, since they are back sooner than new ones. */
export function wouldScale(rows: NodeRecord[], agents: number, reclaim: 'delete' | 'park' = 'delete'): string[] {
  const serving = servingAgents(rows);
  const missing = agents - serving.length;
  const parked = rows.filter((row) => isAgent(row) && isParked(row)).slice(0, Math.max(0, missing));
  const victims = new Set(chooseVictims(serving, -missing));
  const leaving = serving.filter(({ vmId }) => victims.has(vmId));
  return [
    ...(parked.length > 0 ? [`start ${counted(namesOf(parked), 'parked agent')}`] : []),
    ...(missing > parked.length ? [`add ${missing - parked.length} agents`] : []),
    ...(leaving.length > 0 ? [`drain and ${reclaim} ${counted(namesOf(leaving), 'agent')}`] : []),
  ];
}
