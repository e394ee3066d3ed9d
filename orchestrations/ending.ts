import type { Ending } from './contracts';
import { OperationEnd } from './operation';
import type { Problem } from './carry-through';

/** How an operation ended, without which one it was. */
export type EndingBody = Omit<Ending, 'cluster' | 'operationId'>;

/** Ends an operation on a living cluster that could not do what was asked. */
export const failedWith = ({ code, message }: Problem, result?: unknown): OperationEnd =>
  new OperationEnd({
    state: 'failed',
    error: { code, message },
    ...(result === undefined ? {} : { result }),
    phase: 'degraded',
    phaseReason: message,
  });
