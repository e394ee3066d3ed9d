import type { KubeletCertificate } from '../engines/k3s/supervisor';

/** What the app answers to a join that it grants. */
export interface Ticket {
  engine: string;
  role: 'master' | 'agent';
  nodeName: string;
  token: string;
  /** By private addresses, as the engine writes them, in the order in which they should be tried; empty for the first master. */
  servers: string[];
  version: string;
  labels?: Record<string, string>;
  providerId?: string;
  /** This master begins the cluster. */
  initialise?: boolean;
  tlsSans?: string[];
  agentToken?: string;
}

/** What the app tells of a cluster's shares, with a ticket or later. */
export interface StorageAccess {
  account: string;
  key: string;
  shares: string[];
  mountAt: string;
}

/** What survives a reboot and dies with a reimage. */
export interface Disk {
  /** Its version is that of the engine's binary, also after an upgrade. Without the key of the shares. */
  ticket?: Ticket;
  nodePassword?: string;
  certificate?: KubeletCertificate;
  /** The data of a k3s server is here. */
  isServer?: boolean;
  /** It has been a member of a swarm. */
  isMember?: boolean;
  /** Its membership was given up, and the ticket is for a new one. */
  entersAnew?: boolean;
  /** Where shares are mounted. */
  mounts?: string[];
  /** Names of etcd snapshots. */
  snapshots?: string[];
}

export type BootFailure = 'never-boots' | 'never-joins' | 'slow';

export interface MachineState {
  vmId: string;
  power: 'off' | 'booting' | 'up' | 'stopping' | 'hung';
  /** `/proc/sys/kernel/random/boot_id`: work begun in an earlier boot has no effect any more. */
  bootId: string;
  boots: number;
  /** Simulated time at which the kernel was up. */
  upSince: number;
  /** For people: what the guest is at. */
  phase: string;
  /** Refused or failed tries in a row, for the backoff. */
  attempts: number;
  disk: Disk;
  failure?: BootFailure;
  /** Scheduled events that this boot has approved. */
  approved?: string[];
  /** The end of the journal, newest last. */
  journal: string[];
}

export const newMachineState = (vmId: string): MachineState => ({
  vmId,
  power: 'off',
  bootId: '',
  boots: 0,
  upSince: 0,
  phase: 'off',
  attempts: 0,
  disk: {},
  journal: [],
});
