import type { DaemonOutcome, Swarm } from '../../engines/swarm/swarm';
import {
  clusterOf,
  endpointName,
  firstTask,
  liveGuest,
  roleOf,
  save,
  schedule,
  type Guest,
  type GuestTask,
  type GuestWorld,
} from '../guest';
import type { Ticket } from '../machine-state';
import type { GuestEngine } from './guest-engine';

const POLL_MS = 2_000; // as the node's scripts ask `docker info`
const POLL_CAP_MS = 30_000;
/** A worker is back in a few seconds, a manager may have to be elected first. */
const SETTLE_MS = 60_000;
const JOIN_MS = 120_000; // as long as the script looks on while the daemon goes on trying
const RESTART_MS = 3_000; // tar between stop and start
const STALE_TOKEN_MS = 5_000;
const UNIT_RESTART_MS = 30_000; // RestartSec of starling-join.service
/** As the script sets them: clear of the cluster's network, in pieces of the size that one overlay network needs. */
const NETWORKS = { defaultAddrPool: ['10.128.0.0/9'], subnetSize: 24, taskHistoryLimit: 2 };

const SERVER = /^[A-Za-z0-9.-]+:\d+$/;
const TOKEN = /^SWMTKN-[a-z0-9-]+$/;

/** Docker on a machine, and its membership in the swarm, which the daemon keeps on the disk. */
export function createSwarmGuest(swarm: Swarm): GuestEngine {
  /** A worker that finds no manager may have been removed, which nobody tells it; managers wait for each other. */
  const isLost = (world: GuestWorld, guest: Guest): boolean => {
    const { state } = swarm.info(guest.spec.vmId);
    if (!guest.state.disk.isMember || state === 'active') return false;
    return state !== 'pending' || (isSettled(world, guest) && roleOf(world, guest.spec) === 'agent');
  };
  return {
    journal: { units: /^docker/, writer: 'dockerd' },
    version: { pattern: /^\d+\.\d+\.\d+$/, example: '29.7.2' },
    accepts: ({ initialise = false, token, servers }) =>
      initialise || (TOKEN.test(token) && servers.length > 0 && servers.every((server) => SERVER.test(server))),
    joinClaims(world, guest) {
      if (isLost(world, guest)) return { rejoin: true };
      const isUndecided = guest.state.disk.isMember && swarm.info(guest.spec.vmId).state === 'pending';
      return isUndecided && !isSettled(world, guest) ? undefined : {};
    },
    takeTicket(world, guest, ticket) {
      const { vmId, disk } = guest.state;
      const isKnown = disk.isMember && JSON.stringify(disk.ticket) === JSON.stringify(ticket);
      // Who would have to make a new swarm stays in the old one, of which its disk may be the only copy.
      if (!isLost(world, guest) || ticket.initialise) return isKnown ? undefined : { ...disk, ticket };
      swarm.leave(vmId, { force: true });
      return { ...disk, ticket, entersAnew: true };
    },
    run(world, task) {
      const guest = liveGuest(world, task);
      const ticket = guest?.state.disk.ticket;
      if (!guest || !ticket) return;
      startDaemon(world, guest, ticket);
      const { state, error } = swarm.info(task.vmId);
      const { disk } = guest.state;
      const isMember = disk.isMember && !disk.entersAnew;
      if (state === 'active') running(world, task, guest);
      else if (isMember && state === 'pending') lookAgain(world, task, 'finds the swarm');
      else if (isMember) askForTicket(world, task, { why: error || `the swarm is ${state}`, afterMs: STALE_TOKEN_MS });
      else if (state !== 'pending' || task.attempt === 0) enter(world, task, guest, ticket);
      else if (world.clock.now() - task.since < JOIN_MS) lookAgain(world, task, 'goes on trying to join');
      else askForTicket(world, task, { why: 'no manager has answered', afterMs: UNIT_RESTART_MS });
    },
    readyClaims(world, guest) {
      const { spec, state } = guest;
      const { state: membership, nodeId } = swarm.info(spec.vmId);
      if (membership !== 'active') return undefined;
      if (roleOf(world, spec) === 'agent') return { nodeId };
      const fqdn = endpointName(guest);
      const identity = swarm.serveTls(spec.vmId, { fqdn, sans: state.disk.ticket?.tlsSans });
      return identity && { nodeId, endpoint: `https://${fqdn}:2376`, ...identity };
    },
    stop: (_world, { spec }) => swarm.stopDaemon(spec.vmId),
    forget: (_world, { spec }) => swarm.forget(spec.vmId),
    snapshot(world, { spec, state }, name) {
      if (!state.disk.isMember) return { ok: false, message: 'tar: swarm: Cannot stat: No such file or directory' };
      swarm.stopDaemon(spec.vmId); // the log of raft is whole only then
      schedule(world, 'engine', firstTask(world, state), RESTART_MS);
      return { ok: true, saved: `${name}.tar.gz`, output: 'starling: docker: starts' };
    },
    renewCredential: (_world, { spec }) => swarm.renewTls(spec.vmId) !== undefined,
  };

  function startDaemon(world: GuestWorld, { spec, state }: Guest, { version }: Ticket): void {
    const { vmId: machineId, computerName: hostname, privateIp: ip } = spec;
    const clusterName = clusterOf(world, spec);
    swarm.startDaemon({ machineId, hostname, ip, bootId: state.bootId, version, clusterName });
  }

  /** `docker swarm init`, or `docker swarm join` with the first manager that answers. */
  function enter(world: GuestWorld, task: GuestTask, { spec }: Guest, ticket: Ticket): void {
    const { vmId, privateIp: advertiseAddr } = spec;
    const options = { advertiseAddr, availability: 'drain' } as const;
    let outcome: DaemonOutcome = { ok: false, status: 503, message: '' };
    if (ticket.initialise) outcome = swarm.init(vmId, { ...options, ...NETWORKS });
    else
      for (const server of ticket.servers) {
        if (swarm.info(vmId).state !== 'inactive') swarm.leave(vmId, { force: true });
        outcome = swarm.join(vmId, { ...options, remoteAddrs: [server], token: ticket.token });
        if (outcome.ok || outcome.status !== 503) break;
      }
    if (outcome.ok) lookAgain(world, task, 'has joined');
    else if (outcome.status === 503) lookAgain(world, task, outcome.message);
    else {
      const isStale = /join token|does not match fingerprint/.test(outcome.message);
      askForTicket(world, task, { why: outcome.message, afterMs: isStale ? STALE_TOKEN_MS : UNIT_RESTART_MS });
    }
  }

  function running(world: GuestWorld, task: GuestTask, { state }: Guest): void {
    const change = { phase: 'running', disk: { ...state.disk, isMember: true, entersAnew: undefined } };
    save(world, state, change, `dockerd: node ${swarm.info(task.vmId).nodeId} is a member of the swarm`);
    schedule(world, 'ready', { ...task, attempt: 0, since: world.clock.now() }, POLL_MS);
  }
}

const isSettled = (world: GuestWorld, { state }: Guest): boolean => world.clock.now() - state.upSince > SETTLE_MS;

/** Rarer and rarer: without a quorum a daemon may wait for days. */
function lookAgain(world: GuestWorld, task: GuestTask, what: string): void {
  const guest = liveGuest(world, task);
  if (guest) save(world, guest.state, { phase: 'starting the engine' }, task.attempt === 0 ? `dockerd: ${what}` : '');
  const delayMs = Math.min(POLL_CAP_MS, POLL_MS * 1.5 ** Math.min(task.attempt, 10));
  schedule(world, 'engine', { ...task, attempt: task.attempt + 1 }, delayMs);
}

/** For a token that was changed meanwhile, or a membership that is worth nothing: only Starling can help. */
function askForTicket(world: GuestWorld, task: GuestTask, { why, afterMs }: { why: string; afterMs: number }): void {
  const guest = liveGuest(world, task);
  if (guest) save(world, guest.state, { phase: 'asking for a ticket' }, `dockerd: ${why}`);
  schedule(world, 'join', { ...task, attempt: 0, since: world.clock.now() }, afterMs);
}
