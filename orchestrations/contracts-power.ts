import type { Outcome } from '../shared/model/errors';
import type { NodeRole } from '../shared/model/node';
import type { NodeBefore, Renewal } from '../shared/model/renewal';
import { contract } from './contract';

interface Held {
  cluster: string;
  operationId: string;
}

export interface NodesInput extends Held {
  vmIds: string[];
}

/** What a verb is about: named nodes, or all. */
export interface Selection {
  /** Agents that serve, by instance id; of all without those that have failed. */
  agents: string[];
  masters: string[];
  /** Agents that are parked. */
  parked: string[];
  /** Agents of the whole cluster that serve, and how many may. */
  serving: number;
  limits: { min: number; max: number };
  /** The operator has stopped the whole cluster. */
  isStopped: boolean;
  autoscale: boolean;
}

export interface DrainPass {
  /** False when the operation no longer holds the cluster. */
  proceed: boolean;
  remaining: number;
  /** `namespace/name: reason` of pods that may not leave now, at most ten. */
  blocked: string[];
  /** The first of them, behind the name of its node. */
  held?: string;
}

export interface RenewedView {
  /** vmIds that are back, that may still come, and whose VM is gone. */
  ready: string[];
  waiting: string[];
  lost: string[];
  /** vmIds of those that Azure could not bring back; absent when there is none. */
  failed?: string[];
  /** vmIds of agents whose VM is off though they should serve; absent when there is none. */
  stopped?: string[];
  /** Why those that are not back are not, at most three, for a person. */
  problems: string[];
  engineReachable: boolean;
  agents: number;
}

/** Starting, stopping and renewing machines. */
export const powerActivities = {
  selectNodes: contract<{ cluster: string; vmIds?: string[] }, Selection>('selectNodes'),
  /** How the nodes are before anything is done to them; those that are gone are left out. */
  noteNodes: contract<{ cluster: string; vmIds: string[] }, { nodes: NodeBefore[] }>('noteNodes'),
  /** One pass over agents that will come back: cordoned, and asked to let their work go. */
  evictAgents: contract<NodesInput, DrainPass>('evictAgents'),
  /** Their work may come back; returns how they are called now. */
  releaseAgents: contract<NodesInput, { names: Record<string, string> }>('releaseAgents'),
  /** For a reimage the new generations are opened first; `nodes` tells which they were before. */
  renewMachines: contract<
    Held & { action: Exclude<Renewal, 'start'>; nodes: NodeBefore[] },
    Outcome<{ pollers: string[] }>
  >('renewMachines'),
  lookAtRenewed: contract<{ cluster: string; cause: string; action: Renewal; nodes: NodeBefore[] }, RenewedView>(
    'lookAtRenewed',
  ),
  /** Refuses with QUORUM_AT_RISK while another master is not ready. */
  restartMaster: contract<Held & { vmId: string }, Outcome<{ pollers: string[] }>>('restartMaster'),
  /** Of the whole cluster without `vmIds`; machines that are off already are left out. */
  stopMachines: contract<
    Held & { role: NodeRole; vmIds?: string[]; deallocate: boolean },
    Outcome<{ pollers: string[] }>
  >('stopMachines'),
  /** Powers machines on that are off; their rows are no longer parked. */
  startMachines: contract<
    Held & { role: NodeRole; vmIds?: string[] },
    /** `started`: vmIds of those that were off; others may have been up all the time. */
    Outcome<{ pollers: string[]; started: string[] }>
  >('startMachines'),
  /** Parks the nodes once all their machines are off, or with `partly` those whose machine is; returns vmIds that are on. */
  parkStopped: contract<Held & { vmIds?: string[]; deallocate: boolean; partly?: boolean }, { on: string[] }>(
    'parkStopped',
  ),
  /** The wish is what serves from now on; with `atLeast` it is never lowered, with `atMost` never raised. Returns what serves. */
  wishForServing: contract<Held & { atLeast?: boolean; atMost?: boolean }, { agents: number }>('wishForServing'),
  setAutoscale: contract<Held & { enabled: boolean }, Outcome<object>>('setAutoscale'),
  /** Size of agents to come; no poller when they have it. */
  setAgentSize: contract<Held & { size: string }, Outcome<{ pollers: string[] }>>('setAgentSize'),
  /** Writes the size into the spec; returns agents whose VM has another, and how many such are parked, if any. */
  noteAgentSize: contract<Held & { size: string }, { vmIds: string[]; parked?: number }>('noteAgentSize'),
  /** Submits the template with the agents that there are: it adds none and takes none away. */
  resubmitDeployment: contract<Held, Outcome<object>>('resubmitDeployment'),
};
