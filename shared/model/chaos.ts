import type { ChaosSpec } from './cluster';

export type ChaosAction = ChaosSpec['action'];

/** `skipped`: the steady state did not hold before. `deviated`: it did not come back. `halted`: somebody pulled the lever. */
export type ChaosVerdict = 'planned' | 'running' | 'passed' | 'deviated' | 'skipped' | 'halted' | 'cancelled';

/** What a run is asked to do, with every default filled in. */
export interface ChaosRequest {
  action: ChaosAction;
  /** Victims at most; a fraction of the eligible agents is resolved into a number when the run begins. */
  count?: number;
  /** 0 < fraction ≤ 1. */
  fraction?: number;
  /** The same seed on the same agents gives the same victims in the same order. */
  seed: number;
  /** Victims at the same time. */
  concurrency: number;
  dryRun: boolean;
}

export interface ChaosVictim {
  nodeName: string;
  vmId: string;
  instanceId: string;
  /** When it was struck; null while only planned. */
  struckAt: string | null;
  /** Milliseconds from the strike until Starling knew, until the victim or who replaced it was ready, until all was well. */
  detectedMs: number | null;
  rejoinedMs: number | null;
  steadyMs: number | null;
  /** What went wrong, or Azure's refusal; empty otherwise. */
  problem: string;
}

/** Hypothesis before and after: what counts as well, and what was seen. */
export interface SteadyState {
  holds: boolean;
  agentsReady: number;
  agentsWanted: number;
  mastersReady: number;
  mastersWanted: number;
  pending: number;
  /** Why it does not hold; empty when it does. */
  reason: string;
}

/** One run: design §3. Never holds a secret. */
export interface ChaosReport {
  /** The operation's id, or `{cluster}.chaos.dry-{time}` of a dry run of the timer. */
  id: string;
  cluster: string;
  request: ChaosRequest;
  /** `operator` or `schedule`. */
  cause: string;
  startedAt: string;
  endedAt: string | null;
  verdict: ChaosVerdict;
  /** Why, for a person. */
  reason: string;
  before: SteadyState | null;
  after: SteadyState | null;
  /** Who could have been hit, sorted. */
  eligible: string[];
  /** In the order of the strikes. */
  victims: ChaosVictim[];
}
