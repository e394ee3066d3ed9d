import type { NodeRecord, NodeState } from '../../shared/model/node';
import { FakeWorld } from './fake-world';
import { clusterRecord, clusterSpec, nodeRecord } from './records';

export const OPERATION = 'demo.repair.a';
export const HELD = { cluster: 'demo', operationId: OPERATION };
const REGISTERED = '2026-02-03T03:00:00.000Z';

export const vmIdOf = (index: number): string => `${index}a1b2c3d-0000-4000-8000-000000000000`;

export function masterRecord(index: number, state: NodeState): NodeRecord {
  const name = `master${index}`;
  const vmId = vmIdOf(index);
  const identity = { vmId, role: 'master' as const, instanceId: name, nodeName: `${name}-${vmId.slice(0, 8)}` };
  return { ...nodeRecord('demo', index), ...identity, state, registeredAt: REGISTERED, ticketAttempt: 1 };
}

/** A cluster of so many masters and no agent, held by an operation; each master has row, VM and engine node. */
export function masterWorld(states: NodeState[], operation = OPERATION): FakeWorld {
  const count = states.length as 1 | 3 | 5;
  const spec = clusterSpec({ masters: { count }, agents: { count: 0 } });
  const world = new FakeWorld({ ...clusterRecord({ spec }), phase: 'ready', operation });
  for (const [index, state] of states.entries()) world.addAgent(masterRecord(index, state));
  world.engineNodes = world.engineNodes.map((node) => ({ ...node, isMaster: true }));
  world.secrets.set('demo-engine', JSON.stringify({ endpoint: 'https://a:6443', caPem: '', credential: 'first' }));
  return world;
}
