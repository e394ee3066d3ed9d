import { AppError } from '../../model/errors';
import type { EngineAccess, EnginePort } from '../../ports';
import { claimNode } from './claim';
import { connectSwarm } from './connection';
import { evictTasks } from './eviction';
import { removeMember } from './membership';
import { getNode, listNodes } from './nodes';
import { countPending } from './pending';
import { rebalance, rollouts } from './rebalance';
import { removeNode } from './removal';
import { cordon, uncordon } from './scheduling';
import { endTokens, giveToken, revokeTokens } from './tokens';
import { applyWorkload } from './workloads/apply';
import { listWorkloads } from './workloads/listing';
import { removeWorkload, scaleWorkload } from './workloads/scale-and-remove';

/** Docker Swarm through the Engine API of its managers, each reached by its own report. `now` in milliseconds. */
export function createSwarmEngine(
  reports: [EngineAccess, ...EngineAccess[]],
  now: () => number = Date.now,
): EnginePort {
  const client = connectSwarm(reports);
  return {
    listNodes: () => listNodes(client),
    getNode: (nodeName) => getNode(client, nodeName),
    admitToken: () => giveToken(client, 'Worker', now),
    masterToken: () => giveToken(client, 'Manager', now),
    endTokens: (_, isAwaited) => endTokens(client, isAwaited, now),
    revokeTokens: () => revokeTokens(client, now),
    claimNode: (claim) => claimNode(client, claim),
    cordon: (nodeName) => cordon(client, nodeName),
    uncordon: (nodeName) => uncordon(client, nodeName),
    evict: (nodeName) => evictTasks(client, nodeName),
    removeNode: (nodeName, uid) => removeNode(client, nodeName, uid),
    countPending: () => countPending(client),
    removeMember: (nodeName) => removeMember(client, nodeName),
    rebalance: (mark) => rebalance(client, mark),
    rollouts: (names) => rollouts(client, names),
    applyWorkload: (workload) => applyWorkload(client, workload),
    listWorkloads: () => listWorkloads(client),
    scaleWorkload: (name, replicas) => scaleWorkload(client, name, replicas),
    removeWorkload: (name) => removeWorkload(client, name),
    operatorToken: async () => {
      throw new AppError('UNSUPPORTED_ENGINE', 'A swarm has no tokens for operators');
    },
  };
}
