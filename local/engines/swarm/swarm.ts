import type { SecureContext } from 'node:tls';
import type { Handler, SimRequest, SimResponse } from '../../azure/http';
import type { Clock } from '../../clock';
import type { Scheduler } from '../../scheduler';
import type { Store } from '../../store';

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

export type CreateSwarm = (dependencies: SwarmDependencies) => Swarm;
