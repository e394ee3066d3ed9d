import type { ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import type { Verb } from '../shared/model/operation';
import { begin, inProgress, started } from './begin';
import type { Prepare } from './prepare';
import { isPreview, preview } from './preview';
import type { Call, Reply } from './respond';

export interface Wish {
  verb: Verb;
  /** What the orchestration gets beside cluster and operation. */
  input?: object;
  /** What it would do, see `preview`. */
  would: string[];
  /** Throws when the row does not admit it; by default when the machines do not run. */
  judge?: (row: ClusterRecord) => void;
  /** What the request does itself while the operation holds the cluster. */
  prepare?: Prepare;
  /** What changes in the row with the lock. */
  change?: (row: ClusterRecord) => ClusterRecord;
}

/**
 * Begins an operation on a living cluster, or previews it. The row is judged as it was read, for an answer that costs
 * nothing, and again as it is taken: in between it may have changed. A verb that finds nothing to do is an operation too,
 * which ends at once: so every accepted request is followed in the same way, and a repeat is harmless.
 */
export async function operate(call: Call, record: ClusterRecord, wish: Wish): Promise<Reply> {
  const { verb, input, would, judge = requireRunning, change, prepare } = wish;
  requireFree(record);
  judge(record);
  if (isPreview(call)) return preview(verb, would);
  const take = (row: ClusterRecord): ClusterRecord => {
    judge(row);
    return change ? change(row) : row;
  };
  return started(await begin(call, record.name, { verb, input, change: take, prepare }));
}

/** Throws OPERATION_IN_PROGRESS. */
export function requireFree({ name, operation }: ClusterRecord): void {
  if (operation) throw inProgress(name, operation);
}

/** Throws CLUSTER_STOPPED or CLUSTER_NOT_READY unless the cluster's machines are there and should run. */
export function requireRunning(row: ClusterRecord): void {
  requireDeployed(row);
  if (row.phase === 'stopped')
    throw new AppError('CLUSTER_STOPPED', `${row.name} is stopped; start it with POST /api/clusters/${row.name}/start`);
}

/** Throws CLUSTER_NOT_READY unless the cluster was deployed to the end; it may be stopped. */
export function requireDeployed({ name, phase, phaseReason }: ClusterRecord): void {
  if (phase === 'stored')
    throw new AppError('CLUSTER_NOT_READY', `${name} has no machines yet, only its storage; deploy it first`);
  if (phase === 'ready' || phase === 'degraded' || phase === 'stopped') return;
  throw new AppError('CLUSTER_NOT_READY', `${name} is ${phase}: ${phaseReason}; deploy it again first`);
}
