import type { ErrorCode } from './errors';

export type Verb =
  | 'deploy'
  | 'converge'
  | 'scale'
  | 'start'
  | 'stop'
  | 'restart'
  | 'reimage'
  | 'resize'
  | 'upgrade'
  | 'repair'
  | 'rebalance'
  | 'rotate'
  | 'chaos'
  | 'workload'
  | 'destroy';
export type OperationState = 'running' | 'succeeded' | 'failed' | 'cancelled';

/** One mutating request and how far it got. `input` is what the orchestration was started with. */
export interface OperationRecord {
  id: string;
  cluster: string;
  verb: Verb;
  state: OperationState;
  /** What is being done now, for a person: `deploying resources`, `waiting for agents`. */
  phase: string;
  progress: { done: number; total: number; unit: string };
  startedAt: string;
  endedAt: string | null;
  error: { code: ErrorCode; message: string } | null;
  result: unknown;
  cancelRequested: boolean;
  input: unknown;
}

/** `demo.scale.x1y2…`: the cluster can be read off the id, so that one row read finds it. Also the orchestration's instance id. */
export const operationId = (cluster: string, verb: Verb, unique: string): string => `${cluster}.${verb}.${unique}`;

/** Empty for what is no operation's id. */
export const verbOf = (id: string): string => id.split('.')[1] ?? '';

export const clusterOfOperation = (id: string): string => id.split('.')[0] ?? '';
