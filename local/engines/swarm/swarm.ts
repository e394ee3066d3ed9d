import { createSecureContext, type SecureContext } from 'node:tls';
import type { Handler, SimRequest, SimResponse } from '../../azure/http';
import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Store } from '../../store';
import { createDockerApi } from './api/docker-api';
import { isSignedBy, newApiCertificates, type ApiCertificates } from './certificates';
import { createControl } from './control';
import { createDeeds } from './control-deeds';
import { DockerError } from './docker-error';
import { createHeartbeats } from './heartbeats';
import { createMembers } from './membership';
import { createOrchestrator } from './orchestrator/orchestrator';
import { createRaft } from './raft';
import type { DaemonRecord } from './records';
import { createState } from './state';

/** `docker info`, section Swarm. */
export interface DaemonInfo {
  /** `pending`: it joins in the background. `error`: its membership is worthless; leave, and join again. */
  state: 'inactive' | 'pending' | 'active' | 'error' | 'locked';
  /** 25 characters of a-z0-9; empty while it has none. */
  nodeId: string;
  /** Why, in the daemon's own words; empty while nothing is wrong. */
  error: string;
  /** `ControlAvailable`: it is a manager. */
  isManager: boolean;
  /** The address that it advertises. */
  nodeAddr: string;
}

export interface DaemonStart {
  machineId: string;
  hostname: string;
  ip: string;
  bootId: string;
  /** Of the Docker Engine, such as `29.7.2`. */
  version: string;
  /** Names the network in which this daemon meets others: two clusters may use the same private addresses. */
  clusterName: string;
}

export interface InitOptions {
  advertiseAddr: string;
  availability?: Availability;
  defaultAddrPool?: string[];
  subnetSize?: number;
  /** `--task-history-limit`, 5 if absent. */
  taskHistoryLimit?: number;
  /** Begins anew with what this manager's disk holds, as its only manager. */
  forceNewCluster?: boolean;
}

export interface JoinOptions {
  /** `172.31.0.10:2377`; Docker asks only the first. */
  remoteAddrs: string[];
  token: string;
  availability?: Availability;
  /** Default: the machine's address. */
  advertiseAddr?: string;
}

export type Availability = 'active' | 'pause' | 'drain';

/** What the command line gets: the node's id, or the HTTP status and message of the daemon's refusal. */
export type DaemonOutcome = { ok: true; nodeId: string } | { ok: false; status: number; message: string };

/** What `starling-ready.sh` reports of a master. */
export interface TlsIdentity {
  /** The authority that signs the server's and the clients' certificates, PEM. */
  ca: string;
  /** Client certificate, then its key, PEM (EC P-256). */
  credential: string;
}

/** Docker daemons, the swarms that they form, and the Engine API of managers. All calls that name no running daemon are harmless. */
export interface Swarm {
  /**
   * `dockerd` starts with what its disk holds: a member is one again some seconds later, unless its certificate has expired
   * or it was removed from the swarm. A repeat in the same boot (a restart of the service) is harmless.
   */
  startDaemon(start: DaemonStart): void;
  /** The process ends and its containers with it. Nobody tells the swarm, also when it is asked to stop: it notices after 15 s. */
  stopDaemon(machineId: string): void;
  /** The disk is lost; the daemon is stopped first. */
  forget(machineId: string): void;
  /** `inactive` also for a daemon that does not run or was never seen. */
  info(machineId: string): DaemonInfo;
  /** `docker swarm init`. */
  init(machineId: string, options: InitOptions): DaemonOutcome;
  /**
   * `docker swarm join`. Refused at once when the token is not (or no longer) good. When no manager answers: status 503
   * (after 20 s in reality), and it goes on in the background (state `pending`).
   */
  join(machineId: string, options: JoinOptions): DaemonOutcome;
  /** `docker swarm leave [--force]`: the swarm's data on this disk are gone; the swarm keeps the node, Down. */
  leave(machineId: string, options: { force: boolean }): DaemonOutcome;
  /**
   * The daemon's API is served at `fqdn` over mutual TLS. The first call makes authority and certificates on the disk, later
   * ones find them. Undefined while the daemon does not run.
   */
  serveTls(machineId: string, options: { fqdn: string; sans?: string[] }): TlsIdentity | undefined;
  /** New authority and certificates at the same name: the old client certificate is worthless. */
  renewTls(machineId: string): TlsIdentity | undefined;
  /** For an SNI listener, with the authority of clients in it; undefined when nothing answers there. */
  tlsContextFor(serverName: string): SecureContext | undefined;
  /** The Engine API of the daemon at `serverName`. `clientCertificate` is DER as the listener got it. */
  handle(serverName: string, clientCertificate: Buffer | undefined, request: SimRequest): SimResponse;
  /** Control routes below `/_local/engine/`. */
  control: Handler;
}

export interface SwarmDependencies {
  store: Store;
  clock: Clock;
  scheduler: Scheduler;
  log: (message: string) => void;
}

export function createSwarm({ store, clock, scheduler, log }: SwarmDependencies): Swarm {
  const state = createState(store, clock);
  const { changed, orphan } = createOrchestrator({ state, clock, scheduler });
  const heartbeats = createHeartbeats({ state, clock, scheduler, changed, orphan });
  const raft = createRaft({ state, clock, scheduler, elected: heartbeats.restart });
  const members = createMembers({ state, raft, heartbeats, clock, scheduler });
  const api = createDockerApi({ state, raft, members, changed });
  const contexts = new Map<string, { pem: string; context: SecureContext }>();

  const certify = (daemon: DaemonRecord, fqdn: string, sans: string[]): TlsIdentity => {
    const certificates = newApiCertificates(fqdn, sans, daemon.ip);
    state.saveDaemon({ ...daemon, certificates });
    return identityOf(certificates);
  };
  const runningDaemon = (machineId: string): DaemonRecord | undefined => {
    const daemon = state.daemon(machineId);
    return daemon?.running ? daemon : undefined;
  };

  return {
    startDaemon: members.start,
    stopDaemon: members.stop,
    forget: members.forget,
    info: members.info,
    init: (machineId, options) => {
      const outcome = outcomeOf(() => members.init(machineId, options));
      if (outcome.ok) log(`swarm ${state.daemon(machineId)?.clusterName}: initialised by node ${outcome.nodeId}`);
      return outcome;
    },
    join: (machineId, options) => outcomeOf(() => members.join(machineId, options)),
    leave: (machineId, { force }) =>
      outcomeOf(() => {
        members.leave(machineId, force);
        return '';
      }),
    serveTls(machineId, { fqdn, sans = [] }) {
      const daemon = runningDaemon(machineId);
      const known = daemon?.certificates;
      if (known?.fqdn === fqdn) return identityOf(known);
      return daemon && certify(daemon, fqdn, sans);
    },
    renewTls(machineId) {
      const daemon = runningDaemon(machineId);
      return daemon?.certificates && certify(daemon, daemon.certificates.fqdn, daemon.certificates.sans);
    },
    tlsContextFor(serverName) {
      const daemon = state.daemonNamed(serverName);
      if (!daemon?.running || !daemon.certificates) return undefined;
      const { caPem, certificatePem, keyPem } = daemon.certificates;
      const known = contexts.get(serverName);
      if (known?.pem === certificatePem) return known.context;
      const context = createSecureContext({ cert: certificatePem, key: keyPem, ca: caPem });
      contexts.set(serverName, { pem: certificatePem, context });
      return context;
    },
    handle(serverName, clientCertificate, request) {
      const daemon = state.daemonNamed(serverName);
      const ca = daemon?.certificates?.caPem;
      // A connection may be older than the authority that signs clients now.
      const isClient = ca !== undefined && clientCertificate !== undefined && isSignedBy(clientCertificate, ca);
      if (!daemon?.running || !isClient) return { status: 503, drop: true };
      return api(daemon, request);
    },
    control: createControl(state, createDeeds(state, members, api)),
  };
}

const identityOf = ({ caPem, credential }: ApiCertificates): TlsIdentity => ({ ca: caPem, credential });

function outcomeOf(act: () => string): DaemonOutcome {
  try {
    return { ok: true, nodeId: act() };
  } catch (error) {
    if (error instanceof DockerError) return { ok: false, status: error.status, message: error.message };
    throw error;
  }
}
