import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { DaemonRecord, NodeRecord } from './records';
import type { SwarmState } from './state';

/** What the leader's dispatcher knows of nodes: which of them speak to it. No timer while nothing changes. */
export interface Heartbeats {
  /** The node's daemon runs and will speak to the leader soon. */
  begin(swarmId: string, nodeId: string, delayMs: number): void;
  /** It speaks now. */
  register(swarmId: string, nodeId: string): void;
  /** It speaks no more, which is noticed later. */
  end(swarmId: string, nodeId: string): void;
  /** A new leader waits for every node anew. */
  restart(swarmId: string): void;
}

const DOWN_AFTER_MS = 15_000; // heartbeat period of 5 s, three of which may be missed
const ORPHANED_AFTER_MS = 24 * 3_600_000; // DefaultNodeDownPeriod of swarmkit `manager/dispatcher`
const RECONNECT_MS = 3_000; // agents of a lost leader ask the next one within seconds

type Subject = [swarmId: string, nodeId: string];

interface Dependencies {
  state: SwarmState;
  clock: Clock;
  scheduler: Scheduler;
  /** A node came, went, or is another one. */
  changed: (swarmId: string) => void;
  /** Tasks of a node that has been down for a day. */
  orphan: (swarmId: string, nodeId: string) => void;
}

export function createHeartbeats({ state, clock, scheduler, changed, orphan }: Dependencies): Heartbeats {
  const later = (kind: string, subject: Subject, delayMs: number): void =>
    scheduler.schedule(kind, subject.join('/'), clock.now() + delayMs, subject);
  const cancel = (kind: string, subject: Subject): void => scheduler.cancel(kind, subject.join('/'));

  const begin = (swarmId: string, nodeId: string, delayMs: number): void =>
    later('swarm-register', [swarmId, nodeId], delayMs);
  const end = (swarmId: string, nodeId: string): void => {
    cancel('swarm-register', [swarmId, nodeId]);
    later('swarm-silent', [swarmId, nodeId], DOWN_AFTER_MS);
  };
  const register = (swarmId: string, nodeId: string): void => {
    const { nodes } = state.objects(swarmId);
    const node = nodes.find(nodeId);
    const daemon = node && state.daemonOf(node);
    if (!node || !daemon?.membership || daemon.membership.state === 'error') return;
    cancel('swarm-silent', [swarmId, nodeId]);
    cancel('swarm-orphan', [swarmId, nodeId]);
    state.saveDaemon({ ...daemon, membership: { ...daemon.membership, state: 'active', error: '' } });
    const told = describe(node, daemon);
    if (JSON.stringify([told.Description, told.Status]) !== JSON.stringify([node.Description, node.Status]))
      nodes.change(nodeId, told);
    changed(swarmId);
  };

  scheduler.on<Subject>('swarm-register', ([swarmId, nodeId]) => {
    if (state.swarm(swarmId)?.leader) register(swarmId, nodeId); // else the next leader waits for it
  });
  scheduler.on<Subject>('swarm-silent', ([swarmId, nodeId]) => {
    const { nodes } = state.objects(swarmId);
    const node = nodes.find(nodeId);
    if (!node || !state.swarm(swarmId)?.leader || state.daemonOf(node) || node.Status.State === 'down') return;
    nodes.change(nodeId, { Status: { ...node.Status, State: 'down', Message: 'heartbeat failure' } });
    later('swarm-orphan', [swarmId, nodeId], ORPHANED_AFTER_MS);
    changed(swarmId);
  });
  scheduler.on<Subject>('swarm-orphan', ([swarmId, nodeId]) => {
    if (state.objects(swarmId).nodes.find(nodeId)?.Status.State !== 'down') return;
    orphan(swarmId, nodeId);
    changed(swarmId);
  });

  return {
    begin,
    register,
    end,
    restart(swarmId) {
      const { nodes } = state.objects(swarmId);
      for (const node of nodes.list()) {
        const lives = state.daemonOf(node) !== undefined;
        if (lives) begin(swarmId, node.ID, RECONNECT_MS);
        if (node.Status.State === 'down') continue;
        const Message = 'Node moved to "unknown" state due to leadership change in cluster';
        nodes.change(node.ID, { Status: { ...node.Status, State: 'unknown', Message } });
        if (!lives) end(swarmId, node.ID);
      }
      changed(swarmId);
    },
  };
}

/** What a node's agent tells of itself when it registers. */
function describe(
  node: NodeRecord,
  { hostname, version, ip }: DaemonRecord,
): Pick<NodeRecord, 'Description' | 'Status'> {
  const { Description } = node;
  return {
    Description: { ...Description, Hostname: hostname, Engine: { ...Description.Engine, EngineVersion: version } },
    Status: { State: 'ready', Addr: ip },
  };
}
