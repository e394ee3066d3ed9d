import { ClusterSpecSchema } from '../../shared/api';
import type { ClusterRecord, ClusterSpec } from '../../shared/model/cluster';
import type { EventRecord } from '../../shared/model/event';
import type { NodeRecord } from '../../shared/model/node';
import { operationId, type OperationRecord } from '../../shared/model/operation';

const AT = '2026-01-01T00:00:00.000Z';

/** A spec as the API fills it in: its own defaults, so that no test keeps a copy of them. */
export const clusterSpec = (changes: object = {}): ClusterSpec =>
  ClusterSpecSchema.parse({ engine: 'k3s', location: 'westeurope', ...changes });

/** Records with every field filled in, for tests that care about one or two of them. */
export const clusterRecord = (changes: Partial<ClusterRecord> = {}): ClusterRecord => ({
  name: 'demo',
  spec: clusterSpec(),
  phase: 'deploying',
  phaseReason: '',
  operation: null,
  reconcileRequestedAt: null,
  shortage: '',
  endpoints: [{ name: 'api', fqdn: 'demo.example', ports: [6443] }],
  createdAt: AT,
  updatedAt: AT,
  ...changes,
});

export function nodeRecord(cluster: string, index: number): NodeRecord {
  const suffix = String(index).padStart(12, '0');
  return {
    cluster,
    vmId: `0a1b2c3d-0000-4000-8000-${suffix}`,
    role: 'agent',
    instanceId: String(index),
    nodeName: `agents-${index}-0a1b2c3d`,
    state: 'booting',
    generation: 1,
    address: '',
    since: AT,
    createdAt: AT,
    awaitedSince: AT,
    detail: '',
    ticketAttempt: 2,
    ticketExpiresAt: '',
    registeredAt: '',
    nodeUid: '',
    goingDown: false,
    repairs: 0,
  };
}

export function operationRecord({
  unique = 'a',
  ...changes
}: Partial<OperationRecord> & { cluster: string; unique?: string }): OperationRecord {
  return {
    id: operationId(changes.cluster, 'scale', unique),
    verb: 'scale',
    state: 'running',
    phase: 'waiting for agents',
    progress: { done: 1, total: 3, unit: 'agents' },
    startedAt: AT,
    endedAt: null,
    error: null,
    result: null,
    cancelRequested: false,
    input: { agents: 3 },
    ...changes,
  };
}

/** The `second`th event after midnight; its message is that number. */
export function eventRecord(cluster: string, second: number): EventRecord {
  const at = new Date(Date.parse(AT) + second * 1000).toISOString();
  return {
    cluster,
    id: `${at}-node-${second}`,
    at,
    type: 'node.ready',
    subject: '',
    cause: 'timer',
    message: `${second}`,
  };
}
