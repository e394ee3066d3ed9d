import type { z } from 'zod';
import type { ClusterRecord } from '../model/cluster';
import type { NodeRecord } from '../model/node';
import type { OperationRecord } from '../model/operation';
import type { ClusterSchema, NodeSchema, OperationSchema } from './answers';

export function presentOperation(record: OperationRecord): z.infer<typeof OperationSchema> {
  const { id, cluster, verb, state, phase, progress, startedAt, endedAt, error, result } = record;
  return { id, cluster, verb, state, phase, progress, startedAt, endedAt, error, result };
}

export function presentCluster(record: ClusterRecord, nodes: NodeRecord[]): z.infer<typeof ClusterSchema> {
  const { name, spec, phase, phaseReason, endpoints, operation, createdAt, updatedAt } = record;
  const agentRows = nodes.filter(({ role, state }) => role === 'agent' && state !== 'gone');
  const ready = (rows: NodeRecord[]): number => rows.filter(({ state }) => state === 'ready').length;
  return {
    name,
    spec,
    phase,
    phaseReason,
    agents: { desired: spec.agents.count, ready: ready(agentRows), total: agentRows.length },
    masters: { desired: spec.masters.count, ready: ready(nodes.filter(({ role }) => role === 'master')) },
    endpoints,
    operation,
    createdAt,
    updatedAt,
  };
}

export function presentNode(record: NodeRecord): z.infer<typeof NodeSchema> {
  const { nodeName, role, vmId, instanceId, state, generation, address, since, detail } = record;
  return { name: nodeName, role, vmId, instanceId, state, generation, address, since, ...(detail ? { detail } : {}) };
}
