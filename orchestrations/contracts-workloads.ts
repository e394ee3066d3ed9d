import type { ClusterPhase } from '../shared/model/cluster';
import type { Outcome } from '../shared/model/errors';
import { contract } from './contract';

/** How a change of a workload stands. */
export interface WorkloadView {
  /** False while the engine does not answer: then nothing else here says anything. */
  reachable: boolean;
  /** The change of this operation was made to its end. */
  applied: boolean;
  desired: number;
  ready: number;
  /** At most three, for a person. */
  problems: string[];
}

/** What an operation leaves as it was: a workload that does not run says nothing of its cluster. */
export interface PhaseView {
  phase: ClusterPhase;
  phaseReason: string;
}

/** Workloads and rebalancing. */
export const workloadActivities = {
  setReplicas: contract<{ cluster: string; name: string; replicas: number }, Outcome<object>>('setReplicas'),
  /** One look; `operationId` is the mark of the change that is looked for, absent when any will do. */
  viewWorkload: contract<{ cluster: string; name: string; operationId?: string }, WorkloadView>('viewWorkload'),
  /** `left`: objects that are still there; -1 while the engine does not answer. */
  endWorkload: contract<{ cluster: string; name: string }, { left: number }>('endWorkload'),
  /** `mark` makes a repeat harmless. `goesOn`: ask again once these run, something else comes then. */
  restartUneven: contract<{ cluster: string; mark: string }, { restarted: string[]; goesOn?: boolean }>(
    'restartUneven',
  ),
  /** Those of the names whose pods are still being replaced; all of them while the engine does not answer. */
  viewRollouts: contract<{ cluster: string; names: string[] }, { waiting: string[] }>('viewRollouts'),
  readPhase: contract<{ cluster: string }, PhaseView>('readPhase'),
};
