import { isNativeError } from 'node:util/types';
import { ApiException } from '@kubernetes/client-node';
import { AppError } from '../../model/errors';

/** What the API server answered. `causes` hold, for an eviction, the budget that forbids it. */
export interface KubeFailure {
  status: number;
  reason: string;
  message: string;
  causes: { reason: string; message: string }[];
}

/** Undefined when the error is no answer of an API server. Sample body: `{"kind":"Status","code":404,"reason":"NotFound","message":"nodes \"x\" not found"}` */
export function readKubeFailure(error: unknown): KubeFailure | undefined {
  if (!(error instanceof ApiException)) return undefined;
  const body = asObject(error.body);
  return {
    status: error.code,
    reason: asText(body['reason']),
    message: asText(body['message']) || `the API server answered ${error.code}`,
    causes: asArray(asObject(body['details'])['causes']).map((cause) => ({
      reason: asText(asObject(cause)['reason']),
      message: asText(asObject(cause)['message']),
    })),
  };
}

export const isKubeStatus = (error: unknown, ...statuses: number[]): boolean =>
  statuses.includes(readKubeFailure(error)?.status ?? -1);

/**
 * Too slow, too many, and a credential that was rotated: for some seconds an instance of the app still has the old one, and
 * a master does not know the new one yet.
 */
const MAY_PASS: ReadonlySet<number> = new Set([401, 408, 429]);

/**
 * Runs a call and translates what it throws: no answer, a 5xx or an unknown credential is ENGINE_UNREACHABLE, a refusal
 * INTERNAL. Only the server's own message is kept; an ApiException's text repeats headers.
 */
export async function translatedKube<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toAppError(what, error);
  }
}

function toAppError(what: string, error: unknown): unknown {
  if (error instanceof AppError) return error;
  const failure = readKubeFailure(error);
  if (!failure) {
    const trouble = noAnswer(error);
    return trouble ? new AppError('ENGINE_UNREACHABLE', `Could not ${what}: ${trouble}`) : error;
  }
  const { status, message } = failure;
  const code = status >= 500 || MAY_PASS.has(status) ? 'ENGINE_UNREACHABLE' : 'INTERNAL';
  const verb = status === 401 || status === 403 ? 'The cluster refused to' : 'Could not';
  return new AppError(code, `${verb} ${what}: ${message}`);
}

/** Socket and TLS trouble, also a server that shows a certificate of another CA: whoever that is, it is not the cluster. */
function noAnswer(error: unknown): string | undefined {
  if (!isNativeError(error)) return undefined; // also one of another realm, as Node's own are under some test runners
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer in time';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code || undefined;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
const asArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The client hands some bodies over parsed and some as text. */
function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'string') return parseObject(value);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
