import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { SwarmRecord } from './records';
import type { SwarmState } from './state';

/** The managers of a swarm as members of raft, their leader, and the roles that nodes are to have. */
export interface Raft {
  /** To be called after a member's daemon has started or stopped, and after the members have changed. */
  review(swarmId: string): void;
  /** Brings the role of a node to what its spec says, some seconds later; a removed node loses its vote. */
  reconcile(swarmId: string, nodeId: string): void;
  /** The member's daemon answers. */
  isReachable(swarm: SwarmRecord, nodeId: string): boolean;
  /** The reachable members without this one are still a majority. */
  canRemove(swarm: SwarmRecord, nodeId: string): boolean;
}

/** `ElectionTick` is 10 seconds, and a follower waits for one to two of them. */
const ELECTION_MS = 12_000;
/** A single member asks nobody. */
const SOLE_ELECTION_MS = 2_000;
/** `roleReconcileInterval` in swarmkit `manager/role_manager.go`. */
const RECONCILE_MS = 5_000;

interface Dependencies {
  state: SwarmState;
  clock: Clock;
  scheduler: Scheduler;
  /** There is a new leader, who knows of no node whether it lives. */
  elected: (swarmId: string) => void;
}

type Subject = [swarmId: string, nodeId: string];

export function createRaft({ state, clock, scheduler, elected }: Dependencies): Raft {
  const isReachable = ({ ID }: SwarmRecord, nodeId: string): boolean => {
    const node = state.objects(ID).nodes.find(nodeId);
    const daemon = node && state.daemonOf(node);
    return daemon !== undefined && daemon.membership?.state !== 'error';
  };
  const reachable = (swarm: SwarmRecord): string[] => swarm.members.filter((id) => isReachable(swarm, id));
  const canRemove = (swarm: SwarmRecord, nodeId: string): boolean => {
    const others = reachable(swarm).filter((id) => id !== nodeId).length;
    return others >= Math.floor((swarm.members.length - 1) / 2) + 1;
  };
  const lead = (swarmId: string, leader: string): void => {
    state.changeSwarm(swarmId, { leader, isElecting: false });
    elected(swarmId);
  };
  const review = (swarmId: string): void => {
    const swarm = state.swarm(swarmId);
    if (!swarm) return;
    const up = reachable(swarm);
    if (up.length <= swarm.members.length / 2) return state.changeSwarm(swarmId, { leader: '', isElecting: false });
    if (swarm.isElecting || up.includes(swarm.leader)) return;
    state.changeSwarm(swarmId, { leader: '', isElecting: true });
    const delayMs = swarm.members.length === 1 ? SOLE_ELECTION_MS : ELECTION_MS;
    scheduler.schedule('swarm-election', swarmId, clock.now() + delayMs, swarmId);
  };
  const reconcile = (swarmId: string, nodeId: string): void =>
    scheduler.schedule('swarm-role', `${swarmId}/${nodeId}`, clock.now() + RECONCILE_MS, [swarmId, nodeId]);

  /** Leaves the majority's view; a leader hands over first. */
  const removeMember = (swarm: SwarmRecord, nodeId: string): void => {
    const members = swarm.members.filter((id) => id !== nodeId);
    state.changeSwarm(swarm.ID, { members });
    if (swarm.leader !== nodeId) return review(swarm.ID);
    const heir = reachable({ ...swarm, members })[0];
    if (heir !== undefined) lead(swarm.ID, heir);
    else review(swarm.ID);
  };

  scheduler.on<string>('swarm-election', (swarmId) => {
    const swarm = state.swarm(swarmId);
    const first = swarm?.isElecting ? reachable(swarm)[0] : undefined;
    if (first !== undefined) lead(swarmId, first);
  });
  scheduler.on<Subject>('swarm-role', ([swarmId, nodeId]) => {
    const swarm = state.swarm(swarmId);
    if (!swarm?.leader) return; // asked for again by whoever leads next
    const { nodes } = state.objects(swarmId);
    const node = nodes.find(nodeId);
    const isMember = swarm.members.includes(nodeId);
    if (!node && isMember) return removeMember(swarm, nodeId);
    if (!node || (node.Spec.Role === node.role && isMember === (node.role === 'manager'))) return;
    if (node.Spec.Role === 'manager') {
      nodes.change(nodeId, { role: 'manager' });
      if (!isMember && state.daemonOf(node)) state.changeSwarm(swarmId, { members: [...swarm.members, nodeId] });
      return review(swarmId);
    }
    if (isMember && !canRemove(swarm, nodeId)) return reconcile(swarmId, nodeId);
    nodes.change(nodeId, { role: 'worker' });
    if (isMember) removeMember(swarm, nodeId);
  });

  return { review, reconcile, isReachable, canRemove };
}
