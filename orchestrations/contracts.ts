import type { ChaosRequest } from '../shared/model/chaos';
import type { ErrorCode, Outcome } from '../shared/model/errors';
import type { Action } from '../shared/model/plan';
import type { OperationState } from '../shared/model/operation';
import type { ClusterPhase } from '../shared/model/cluster';

import { chaosActivities } from './contracts-chaos';
import { masterActivities } from './contracts-masters';
import { powerActivities, type DrainPass } from './contracts-power';
import { workloadActivities } from './contracts-workloads';
import { contract } from './contract';

export type { Contract } from './contract';
export * from './contracts-chaos';
export * from './contracts-masters';
export * from './contracts-power';
export * from './contracts-workloads';

/** Names of the running work: an operation is carried out by the orchestration whose instance id is the operation's id. */
export const orchestrations = {
  deployCluster: contract<DeployInput, void>('deployCluster'),
  scaleCluster: contract<ScaleInput, void>('scaleCluster'),
  destroyCluster: contract<DestroyInput, void>('destroyCluster'),
  /** Brings a living cluster to its changed spec: template, version, size, number of agents, in this order. */
  convergeCluster: contract<ConvergeInput, void>('convergeCluster'),
  startNodes: contract<PowerInput, void>('startNodes'),
  stopNodes: contract<StopInput, void>('stopNodes'),
  restartNodes: contract<PowerInput, void>('restartNodes'),
  reimageNodes: contract<ReimageInput, void>('reimageNodes'),
  resizeAgents: contract<ResizeInput, void>('resizeAgents'),
  upgradeCluster: contract<UpgradeInput, void>('upgradeCluster'),
  repairMaster: contract<RepairInput, void>('repairMaster'),
  rebalanceCluster: contract<OperationInput, void>('rebalanceCluster'),
  rotateKeys: contract<OperationInput, void>('rotateKeys'),
  runChaos: contract<ChaosInput, void>('runChaos'),
  changeWorkload: contract<WorkloadInput, void>('changeWorkload'),
  /** Child of others: one batch of agents is drained, restarted, reimaged or resized, and seen ready again. */
  renewAgents: contract<RenewInput, RenewResult>('renewAgents'),
  /** One at a time per cluster: instance id `reconcileId(cluster)`. */
  reconcileCluster: contract<ReconcileInput, void>('reconcileCluster'),
  /** Child of others: drains agents, deletes their VMs, and sees them gone. */
  retireNodes: contract<RetireInput, RetireResult>('retireNodes'),
};

export const reconcileId = (cluster: string): string => `reconcile-${cluster}`;

export interface OperationInput {
  cluster: string;
  operationId: string;
}

export interface DeployInput extends OperationInput {
  /** Network and storage only; the cluster is `stored` then. Absent: everything. */
  only?: 'storage';
}

export interface ScaleInput extends OperationInput {
  agents: number;
  /** `park`: agents that are too many are deallocated and kept. Absent: delete. */
  reclaim?: 'delete' | 'park';
}

/** Only what changed is there. */
export interface ConvergeInput extends OperationInput {
  /** Firewall, autoscale, price or disk of agents to come: what only a new submission of the template changes. */
  template?: boolean;
  version?: string;
  size?: string;
  agents?: number;
}

export interface PowerInput extends OperationInput {
  /** Absent: the whole cluster, or all agents for a restart. */
  vmIds?: string[];
}

export interface StopInput extends PowerInput {
  deallocate: boolean;
}

export interface ReimageInput extends PowerInput {
  order: 'parallel' | 'serial';
}

export interface ResizeInput extends OperationInput {
  size: string;
}

export interface UpgradeInput extends OperationInput {
  version: string;
}

export interface RepairInput extends OperationInput {
  /** `master1` */
  name: string;
}

export interface ChaosInput extends OperationInput {
  request: ChaosRequest;
  /** `operator` or `schedule`. */
  cause: string;
}

/** The change itself was made when it was asked for, since a manifest is no input of an orchestration; this waits for it. */
export interface WorkloadInput extends OperationInput {
  name: string;
  verb: 'apply' | 'scale' | 'remove';
  /** For `scale`. */
  replicas?: number;
}

export interface RenewInput extends OperationInput {
  action: 'restart' | 'reimage' | 'resize';
  vmIds: string[];
  /** What the operation shows meanwhile. */
  phase: string;
  progress: { done: number; total: number; unit: string };
}

export interface RenewResult {
  /** vmIds that are ready again, and those that are not. */
  done: string[];
  left: string[];
  /** `namespace/name: reason` of pods that would not leave before the deadline. */
  blocked: string[];
  /** How the nodes are called now, by vmId; those that are gone are absent. */
  names?: Record<string, string>;
  problem?: { code: ErrorCode; message: string };
}

export interface DestroyInput extends OperationInput {
  storage: 'keep' | 'delete';
  /** The operation whose last step may still be at work. */
  preempted?: string;
}

export interface ReconcileInput {
  cluster: string;
  cause: string;
}

export interface RetireInput {
  cluster: string;
  vmIds: string[];
  cause: string;
  /** Without work on them there is nothing to drain. */
  drain: boolean;
  /** Set when an operation does it; automation gives way to any operation that starts meanwhile. */
  operationId?: string;
}

export interface RetireResult {
  removed: number;
  /** `namespace/name: reason` of pods that would not leave before the deadline. */
  blocked?: string[];
  /** What is left and why; empty when all are gone. */
  left: string[];
  problem?: { code: ErrorCode; message: string };
}

/** How the cluster stands after a look at Azure and the engine. */
export interface ClusterView {
  agents: { desired: number; ready: number; total: number; failed: number; provisioned: number };
  masters: { desired: number; ready: number };
  /** Capacity that Azure has on record; undefined when there is no scale set. */
  capacity?: number;
  /** A write on the scale set is still going on at Azure. */
  scaleSetBusy: boolean;
  engineReachable: boolean;
  /** vmIds of agents whose VM is off though they should serve; absent when there is none. */
  stopped?: string[];
  /** What is wrong with agents that are not coming, at most three, for a person. */
  problems: string[];
}

export interface Progress {
  operationId: string;
  phase: string;
  progress: { done: number; total: number; unit: string };
}

export interface Ending extends OperationInput {
  state: Exclude<OperationState, 'running'>;
  error?: { code: ErrorCode; message: string };
  result?: unknown;
  /** The cluster's phase from now on; absent when the operation broke off, see `phaseAfterBreak`. */
  phase?: ClusterPhase;
  phaseReason?: string;
}

export type Polled =
  | { state: 'running'; retryAfterMs: number }
  | { state: 'succeeded' }
  | { state: 'failed'; code: ErrorCode; message: string };

export const activities = {
  checkQuota: contract<DeployInput, Outcome<object>>('checkQuota'),
  /** `surplus`: agents on record beyond the wish. */
  prepareCluster: contract<DeployInput, Outcome<{ surplus?: string[] }>>('prepareCluster'),
  submitDeployment: contract<DeployInput, Outcome<object>>('submitDeployment'),
  pollDeployment: contract<DeployInput, Polled & { done: number; total: number }>('pollDeployment'),
  observeCluster: contract<{ cluster: string; cause: string }, ClusterView>('observeCluster'),
  reportProgress: contract<Progress, { cancelRequested: boolean }>('reportProgress'),
  finishOperation: contract<Ending, void>('finishOperation'),
  setDesiredAgents: contract<{ cluster: string; agents: number; cause: string; operationId?: string }, void>(
    'setDesiredAgents',
  ),
  growTo: contract<
    { cluster: string; agents: number; operationId?: string },
    /** `more`: only the first step was begun; ask again once it is over. */
    Outcome<{ poller: string | null; capacity: number; more?: boolean }>
  >('growTo'),
  pollOperation: contract<{ poller: string }, Polled>('pollOperation'),
  /** `park`: those of the surplus that are kept; absent when none is. */
  pickVictims: contract<
    { cluster: string; agents: number; reclaim?: 'delete' | 'park' },
    { vmIds: string[]; park?: string[] }
  >('pickVictims'),
  startDrain: contract<RetireInput, { proceed: boolean }>('startDrain'),
  drainPass: contract<RetireInput, DrainPass>('drainPass'),
  deleteAgents: contract<RetireInput, Outcome<{ poller: string | null }>>('deleteAgents'),
  confirmGone: contract<{ cluster: string; vmIds: string[]; cause: string }, { left: string[] }>('confirmGone'),
  planRepairs: contract<ReconcileInput, { actions: Action[]; settled: boolean }>('planRepairs'),
  powerAgents: contract<
    { cluster: string; verb: 'start' | 'restart'; vmIds: string[]; reason: string; operationId?: string },
    Outcome<{ poller: string | null }>
  >('powerAgents'),
  startMaster: contract<{ cluster: string; name: string; reason: string }, Outcome<{ poller: string | null }>>(
    'startMaster',
  ),
  endReconcile: contract<{ cluster: string }, { again: boolean }>('endReconcile'),
  deleteGroups: contract<DestroyInput, { pending: string[]; foreign: string[] }>('deleteGroups'),
  findLeftovers: contract<DestroyInput, { leftovers: string[] }>('findLeftovers'),
  forgetCluster: contract<DestroyInput, { certificate: unknown }>('forgetCluster'),
  ...powerActivities,
  ...masterActivities,
  ...chaosActivities,
  ...workloadActivities,
};
