import type { ClusterRecord } from './model/cluster';
import type { Outcome } from './model/errors';
import type { Cloud, DeploymentPart } from './ports/cloud';
import type { Engines } from './ports/engine';
import type { ChaosStore, ClusterStore, EventStore, NodeStore, OperationStore } from './ports/registry';

export type * from './ports/cloud';
export type * from './ports/engine';
export type * from './ports/registry';

/**
 * What Starling needs of the world. Adapters throw `AppError` for what a retry may cure (`AZURE_UNAVAILABLE`,
 * `ENGINE_UNREACHABLE`) or nobody can (`AZURE_DENIED`, `INTERNAL`); an expected "no" is returned as an `Outcome`.
 * Times are ISO 8601 UTC, durations milliseconds.
 */

/** Key Vault. */
export interface Vault {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
  /** Deletes and purges; a repeat, or a name that is not there, is harmless. */
  remove(name: string): Promise<void>;
}

/** Proof that the caller is a certain VM. */
export interface Attestation {
  verify(proof: { claims: string; attestation: string }): Promise<Outcome<{ vmId: string }>>;
}

/** Derives the token of a ticket, always the same for the same arguments, from a key that only the vault holds. */
export interface TokenMint {
  /** Makes the cluster's key when there is none. A repeat is harmless. */
  prepare(cluster: string): Promise<void>;
  derive(ticket: {
    cluster: string;
    vmId: string;
    generation: number;
    attempt: number;
  }): Promise<{ id: string; secret: string }>;
  /** What masters join with: one per cluster, made with `prepare`, given to attested masters only. */
  serverToken(cluster: string): Promise<string>;
  /**
   * Makes a new key: tickets from before derive other tokens then. Other instances of the app go on with the old key for
   * SECRET_AGE_MS at most. `mark` tells rotations apart: the same mark again changes nothing.
   */
  rotateJoinKey(cluster: string, mark: string): Promise<void>;
}

/** The global halt of automation. */
export interface Halt {
  halted: boolean;
  reason: string;
  /** When it was last moved; empty when never. */
  since: string;
}

export interface HaltLever {
  read(): Promise<Halt>;
  set(halt: Halt): Promise<void>;
}

/** What is submitted to Azure for a cluster: pure, so the same row gives the same template. Holds no secret. */
export type RenderDeployment = (
  cluster: ClusterRecord,
  part?: DeploymentPart,
) => {
  template: unknown;
  parameters: Record<string, { value: unknown }>;
};

/** Orchestrations, as the functions see them. */
export interface Orchestrator {
  /** `exists` when one with this id is pending or running already. */
  start(name: string, id: string, input: unknown): Promise<'started' | 'exists'>;
  status(id: string): Promise<'absent' | 'running' | 'ended'>;
  /** Ends it wherever it stands; a repeat, or one that has ended, is harmless. */
  terminate(id: string, reason: string): Promise<void>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Everything that activities and functions may use. Made once, in the composition root. */
export interface World {
  clusters: ClusterStore;
  nodes: NodeStore;
  operations: OperationStore;
  events: EventStore;
  chaos: ChaosStore;
  cloud: Cloud;
  vault: Vault;
  engines: Engines;
  attestation: Attestation;
  mint: TokenMint;
  halt: HaltLever;
  renderDeployment: RenderDeployment;
  /** Makes DNS names unique per subscription. */
  uniqueSuffix: (cluster: string) => string;
  clock: Clock;
}
