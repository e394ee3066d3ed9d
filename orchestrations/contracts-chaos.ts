import type { ChaosAction, ChaosVerdict } from '../shared/model/chaos';
import type { ChaosTarget } from '../shared/model/chaos-recovery';
import type { ClusterPhase } from '../shared/model/cluster';
import type { Outcome } from '../shared/model/errors';
import { contract } from './contract';
import type { ChaosInput, ClusterView } from './contracts';

/** Which run a step belongs to; with `startedAt` it finds its report by one read. */
export interface ChaosStep {
  cluster: string;
  operationId: string;
  action: ChaosAction;
  startedAt: string;
}

export interface ChaosVerdictWithReason {
  verdict: ChaosVerdict;
  reason: string;
}

export interface ChaosHealth {
  /** The cluster's phase as this look leaves it. */
  health: { phase: ClusterPhase; phaseReason: string };
}

export type ChaosPlan = ChaosHealth &
  ChaosVerdictWithReason & {
    step: ChaosStep;
    /** In the order of the strikes. */
    vmIds: string[];
    concurrency: number;
  };

export type ChaosAim = ChaosHealth & {
  /** Those that may still be struck. */
  targets: ChaosTarget[];
  /** The run ends here instead. */
  stop?: ChaosVerdictWithReason;
};

export interface ChaosStrike {
  /** Of those begun at Azure; null when Azure answered at once. */
  poller: string | null;
  /** vmIds. */
  struck: string[];
  /** The halt lever was moved after the last look: nobody was struck. */
  halted?: string;
}

export type ChaosWatch = ChaosHealth & {
  view: ClusterView;
  /** All have rejoined and the steady state holds. */
  recovered: boolean;
  /** Victims that are back, of those struck together. */
  back: number;
  /** Azure still works on the strike. */
  poller: string | null;
  /** What is missing; empty when nothing is. */
  missing: string;
  halted?: string;
};

/** Chaos runs. */
export const chaosActivities = {
  /** Looks, decides, and writes the report's row. A repeat decides again: nothing has been touched. */
  planChaos: contract<ChaosInput, ChaosPlan>('planChaos'),
  /** Looks right before a strike: who may still be struck, and as what they will be missed. */
  aimChaos: contract<ChaosStep & { vmIds: string[] }, ChaosAim>('aimChaos'),
  strikeAgents: contract<ChaosStep & { targets: ChaosTarget[] }, Outcome<ChaosStrike>>('strikeAgents'),
  /** One look after a strike; writes down what it finds. */
  watchRecovery: contract<ChaosStep & { targets: ChaosTarget[]; poller: string | null }, ChaosWatch>('watchRecovery'),
  /** The verdict of a run that has begun; a repeat changes nothing. */
  concludeChaos: contract<ChaosStep & ChaosVerdictWithReason, void>('concludeChaos'),
};
