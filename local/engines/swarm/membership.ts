import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import { badRequest, DockerError, rpcError, unavailable } from './docker-error';
import type { Heartbeats } from './heartbeats';
import { trusts } from './ids';
import { newSwarm } from './new-swarm';
import type { Raft } from './raft';
import type { DaemonRecord, Membership, NodeSpec, SwarmRecord } from './records';
import type { SwarmState } from './state';
import type { DaemonInfo, DaemonStart, InitOptions, JoinOptions } from './swarm';

/** Daemons as members of swarms. Refusals are thrown as DockerError, as the daemon's API answers them. */
export interface Members {
  start(start: DaemonStart): void;
  stop(machineId: string): void;
  forget(machineId: string): void;
  info(machineId: string): DaemonInfo;
  /** Gives the node's id, as `join` does. */
  init(machineId: string, options: InitOptions): string;
  join(machineId: string, options: JoinOptions): string;
  leave(machineId: string, force: boolean): void;
}

const START_MS = 2_000; // from the start of dockerd until its agent has registered
const JOIN_RETRY_MS = 5_000;
/** Nodes renew their certificates somewhere between the half and 80 % of their life (swarmkit `ca/renewer.go`). */
const RENEWED_AT = 0.65;
const NANOSECONDS_PER_MS = 1e6;

interface Dependencies {
  state: SwarmState;
  raft: Raft;
  heartbeats: Heartbeats;
  clock: Clock;
  scheduler: Scheduler;
}

export function createMembers({ state, raft, heartbeats, clock, scheduler }: Dependencies): Members {
  const save = (daemon: DaemonRecord, membership: Membership | undefined): void =>
    state.saveDaemon({ ...daemon, membership });
  const running = (machineId: string): DaemonRecord => {
    const daemon = state.daemon(machineId);
    if (!daemon?.running)
      throw new DockerError(503, 'Cannot connect to the Docker daemon. Is the docker daemon running?');
    return daemon;
  };
  const outside = (machineId: string): DaemonRecord => {
    const daemon = running(machineId);
    if (daemon.membership) throw unavailable('alreadyPart');
    return daemon;
  };
  const isManager = ({ membership }: DaemonRecord): boolean =>
    membership !== undefined && (state.swarm(membership.swarmId)?.members.includes(membership.nodeId) ?? false);
  const lifeMs = (swarm: SwarmRecord | undefined): number =>
    (swarm?.Spec.CAConfig.NodeCertExpiry ?? 90 * 86_400_000 * NANOSECONDS_PER_MS) / NANOSECONDS_PER_MS;

  const admit = (
    daemon: DaemonRecord,
    swarm: SwarmRecord,
    spec: Pick<Required<NodeSpec>, 'Role' | 'Availability'>,
    addr: string,
  ): string => {
    const { ID } = state.objects(swarm.ID).nodes.create({
      Spec: { Labels: {}, Role: spec.Role, Availability: spec.Availability },
      Description: {
        Hostname: daemon.hostname,
        Platform: { Architecture: 'x86_64', OS: 'linux' },
        Resources: { NanoCPUs: 2e9, MemoryBytes: 8_323_584_000 },
        Engine: { EngineVersion: daemon.version, Labels: {} },
      },
      Status: { State: 'unknown', Addr: daemon.ip },
      machineId: daemon.machineId,
      role: spec.Role,
    });
    const now = clock.now();
    save(daemon, { swarmId: swarm.ID, nodeId: ID, state: 'active', error: '', advertiseAddr: addr, issuedAt: now });
    if (spec.Role === 'manager') state.changeSwarm(swarm.ID, { members: [...swarm.members, ID] });
    return ID;
  };
  /** Undefined while nobody there can let it in. */
  const tryJoin = (daemon: DaemonRecord, options: JoinOptions): string | undefined => {
    const [ip = ''] = (options.remoteAddrs[0] ?? '').split(':');
    const remote = state.daemonAt(daemon.clusterName, ip);
    const swarm = remote?.membership && state.swarm(remote.membership.swarmId);
    if (!swarm?.leader || !remote?.running || !isManager(remote)) return undefined;
    if (trusts(options.token, swarm.TLSInfo.TrustRoot) === false)
      throw new DockerError(500, 'remote CA does not match fingerprint.');
    const { Worker, Manager } = swarm.JoinTokens;
    if (options.token !== Worker && options.token !== Manager)
      throw rpcError('InvalidArgument', 'A valid join token is necessary to join this cluster');
    const Role = options.token === Manager ? 'manager' : 'worker';
    const spec = { Role, Availability: options.availability ?? 'active' } as const;
    const nodeId = admit(daemon, swarm, spec, options.advertiseAddr ?? daemon.ip);
    heartbeats.register(swarm.ID, nodeId);
    raft.review(swarm.ID);
    return nodeId;
  };
  scheduler.on<string>('swarm-join', (machineId) => {
    const daemon = state.daemon(machineId);
    const { membership } = daemon ?? {};
    if (!daemon?.running || !membership?.joining) return;
    try {
      if (tryJoin(daemon, membership.joining) === undefined)
        scheduler.schedule('swarm-join', machineId, clock.now() + JOIN_RETRY_MS, machineId);
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      save(daemon, { ...membership, joining: undefined, state: 'error', error: error.message });
    }
  });

  /** Also the way out when the certificates of all managers have expired (swarmkit `node/node.go`, ForceNewCluster). */
  const beginAnew = (daemon: DaemonRecord, { swarmId, nodeId, advertiseAddr }: Membership): string => {
    if (!isManager(daemon)) throw unavailable('worker');
    save(daemon, { swarmId, nodeId, advertiseAddr, state: 'active', error: '', issuedAt: clock.now() });
    state.changeSwarm(swarmId, { members: [nodeId], leader: '', isElecting: false });
    raft.review(swarmId);
    return nodeId;
  };
  /** With the last disk of a manager the swarm is gone; workers wait for it for ever. */
  const buryIfLost = (swarmId: string): void => {
    const members = state.swarm(swarmId)?.members ?? [];
    const isKept = ({ membership }: DaemonRecord): boolean =>
      membership?.swarmId === swarmId && members.includes(membership.nodeId);
    if (!state.daemons().some(isKept)) state.removeSwarm(swarmId);
  };
  const silence = ({ machineId, membership }: DaemonRecord): void => {
    scheduler.cancel('swarm-join', machineId);
    if (!membership?.nodeId) return;
    heartbeats.end(membership.swarmId, membership.nodeId);
    raft.review(membership.swarmId);
  };
  const stop = (machineId: string): void => {
    const daemon = state.daemon(machineId);
    if (!daemon?.running) return;
    const { membership } = daemon;
    const renewed = membership && {
      ...membership,
      issuedAt: lastIssue(membership, clock.now(), lifeMs(state.swarm(membership.swarmId))),
    };
    state.saveDaemon({ ...daemon, membership: renewed, running: false });
    silence(daemon);
  };

  return {
    stop,
    start(start) {
      const before = state.daemon(start.machineId);
      if (before?.running && before.bootId === start.bootId && before.version === start.version) return;
      stop(start.machineId);
      const membership = restored(
        state.daemon(start.machineId)?.membership,
        (swarmId) => lifeMs(state.swarm(swarmId)),
        clock.now(),
      );
      state.saveDaemon({ ...before, ...start, membership, running: true, run: (before?.run ?? 0) + 1 });
      if (membership?.state !== 'pending') return;
      heartbeats.begin(membership.swarmId, membership.nodeId, START_MS);
      raft.review(membership.swarmId);
    },
    forget(machineId) {
      stop(machineId);
      const swarmId = state.daemon(machineId)?.membership?.swarmId;
      state.removeDaemon(machineId);
      if (swarmId) buryIfLost(swarmId);
    },
    info(machineId) {
      const daemon = state.daemon(machineId);
      const { membership } = daemon ?? {};
      if (!daemon?.running || !membership)
        return { state: 'inactive', nodeId: '', error: '', isManager: false, nodeAddr: '' };
      const { nodeId, error, advertiseAddr } = membership;
      const isActive = membership.state === 'active';
      return {
        state: membership.state,
        nodeId,
        error,
        isManager: isActive && isManager(daemon),
        nodeAddr: advertiseAddr,
      };
    },
    init(machineId, options) {
      const present = running(machineId);
      if (options.forceNewCluster && present.membership) return beginAnew(present, present.membership);
      const daemon = outside(machineId);
      const swarm = newSwarm(state, daemon.clusterName, options);
      const spec = { Role: 'manager', Availability: options.availability ?? 'active' } as const;
      const nodeId = admit(daemon, swarm, spec, options.advertiseAddr);
      state.changeSwarm(swarm.ID, { leader: nodeId });
      heartbeats.register(swarm.ID, nodeId);
      return nodeId;
    },
    join(machineId, options) {
      const daemon = outside(machineId);
      const [remoteAddr] = options.remoteAddrs;
      if (remoteAddr === undefined) throw badRequest('at least 1 RemoteAddr is required to join');
      if (trusts(options.token, '') === undefined) throw new DockerError(500, 'invalid join token');
      const nodeId = tryJoin(daemon, options);
      if (nodeId !== undefined) return nodeId;
      const nowhere = {
        swarmId: '',
        nodeId: '',
        error: '',
        issuedAt: 0,
        advertiseAddr: options.advertiseAddr ?? daemon.ip,
      };
      save(daemon, { ...nowhere, state: 'pending', joining: options });
      scheduler.schedule('swarm-join', machineId, clock.now() + JOIN_RETRY_MS, machineId);
      throw unavailable('joinTimeout');
    },
    leave(machineId, force) {
      const daemon = state.daemon(machineId);
      if (!daemon?.running || !daemon.membership) throw unavailable('noSwarm');
      const swarm = state.swarm(daemon.membership.swarmId);
      if (swarm && isManager(daemon) && !force) throw new DockerError(503, whyNotLeave(raft, swarm));
      save(daemon, undefined);
      silence(daemon);
      buryIfLost(daemon.membership.swarmId);
    },
  };
}

/** What a daemon finds on its disk. What it had not joined yet it has forgotten: the token was only in memory. */
function restored(
  found: Membership | undefined,
  lifeMs: (swarmId: string) => number,
  now: number,
): Membership | undefined {
  if (!found?.nodeId) return undefined;
  const isExpired = found.issuedAt + lifeMs(found.swarmId) <= now;
  if (!isExpired) return { ...found, state: 'pending', error: '' };
  return { ...found, state: 'error', error: unavailable('certificatesExpired').message };
}

/** A daemon that ran until now has renewed its certificate in time, again and again. */
function lastIssue({ issuedAt, state }: Membership, now: number, lifeMs: number): number {
  const periodMs = lifeMs * RENEWED_AT;
  return state === 'active' ? issuedAt + Math.floor((now - issuedAt) / periodMs) * periodMs : issuedAt;
}

/** moby `daemon/cluster/swarm.go`, Leave. */
function whyNotLeave(raft: Raft, swarm: SwarmRecord): string {
  const begin = 'You are attempting to leave the swarm on a node that is participating as a manager. ';
  const end =
    'The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.';
  const all = swarm.members.length;
  const reachable = swarm.members.filter((id) => raft.isReachable(swarm, id)).length;
  if (!swarm.leader) return `${begin}Doing so may lose the consensus of your cluster. ${end}`;
  if (all === 1)
    return `${begin}Removing the last manager erases all current state of the swarm. Use \`--force\` to ignore this message. `;
  if (reachable - 2 > all - reachable) return begin + end;
  return `${begin}Removing this node leaves ${reachable - 1} managers out of ${all}. Without a Raft quorum your swarm will be inaccessible. ${end}`;
}
