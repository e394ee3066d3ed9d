import { isNativeError } from 'node:util/types';
import { AppError, type ErrorCode } from '../../model/errors';

/** What a Docker daemon answered. Sample: status 404, `{"message":"node x not found"}`. */
export interface DockerFailure {
  status: number;
  message: string;
}

/** Undefined when the error is no answer of a daemon. */
export function readDockerFailure(error: unknown): DockerFailure | undefined {
  if (!isNativeError(error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  const body: unknown = 'json' in error ? error.json : undefined;
  const told = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  const message = typeof told === 'string' && told ? told : `the daemon answered ${error.statusCode}`;
  return { status: error.statusCode, message };
}

export const isDockerStatus = (error: unknown, ...statuses: number[]): boolean =>
  statuses.includes(readDockerFailure(error)?.status ?? -1);

/** Somebody has written between reading and writing: `rpc error: code = Unknown desc = update out of sequence`, status 500. */
export const isVersionConflict = (error: unknown): boolean =>
  /update out of sequence/.test(readDockerFailure(error)?.message ?? '');

/**
 * A manager that has no quorum, or has become a worker, says so with 500 or 503: `The swarm does not have a leader`, `context
 * deadline exceeded`, `This node is not a swarm manager`.
 */
const NO_MANAGER = /not have a leader|no elected cluster leader|deadline ?exceeded|not a swarm manager/i;
/** Too slow, too many, and a daemon that is starting. */
const MAY_PASS: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** No answer, or one of a daemon that cannot speak for the swarm now: another master may. */
export function isSilence(error: unknown): boolean {
  const failure = readDockerFailure(error);
  if (!failure) return noAnswer(error) !== undefined;
  return MAY_PASS.has(failure.status) || (failure.status >= 500 && NO_MANAGER.test(failure.message));
}

/**
 * Runs a call and translates what it throws: no answer is ENGINE_UNREACHABLE, a refusal INTERNAL, or the code given for it.
 * Only the server's own message is kept.
 */
export async function translatedDocker<T>(
  what: string,
  call: () => Promise<T>,
  refusal: ErrorCode = 'INTERNAL',
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toAppError(what, error, refusal);
  }
}

function toAppError(what: string, error: unknown, refusal: ErrorCode): unknown {
  if (error instanceof AppError) return error;
  const message = readDockerFailure(error)?.message ?? noAnswer(error);
  if (message === undefined) return error;
  return new AppError(isSilence(error) ? 'ENGINE_UNREACHABLE' : refusal, `Could not ${what}: ${message}`);
}

/** Socket and TLS trouble, also a server that shows a certificate of another CA: whoever that is, it is not the cluster. */
function noAnswer(error: unknown): string | undefined {
  if (!isNativeError(error)) return undefined; // also one of another realm, as Node's own are under some test runners
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer in time';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code || undefined;
}
