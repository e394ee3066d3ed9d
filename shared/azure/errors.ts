import { AppError, refuse, type ErrorCode, type Refusal } from '../model/errors';
import { flattenArmError, type ArmError } from './error-details';
import { isNetworkCode, readRetryAfterMs } from './retry';

/** What an SDK error says, in one shape for ARM, Tables and Key Vault. */
export interface AzureFailure {
  /** HTTP status; 0 when there was no answer. */
  status: number;
  /** Azure's own code, the deepest that means something. */
  code: string;
  message: string;
  retryAfterMs?: number;
}

interface Meaning {
  code: ErrorCode;
  /** An expected "no" is returned, the rest is thrown. */
  expected: boolean;
}

interface Row extends Meaning {
  matches(failure: AzureFailure): boolean;
}

const codeIs = (pattern: RegExp) => (failure: AzureFailure) => pattern.test(failure.code);
const statusIs =
  (...statuses: number[]) =>
  (failure: AzureFailure) =>
    statuses.includes(failure.status);

const QUOTA_TEXT = /quota|exceeding approved|limit for (this )?subscription/i;

/**
 * The only place where Azure's words become Starling's. The first row that matches decides, so the order matters: a 429 may
 * speak of limits too, quota is told as 409 or 403, a refused token as 400. Codes: ARM common deployment errors, Compute allocation errors.
 */
const TABLE: readonly Row[] = [
  { matches: statusIs(408, 429), code: 'AZURE_UNAVAILABLE', expected: false },
  {
    matches: codeIs(/QuotaExceeded$|^PublicIPCountLimitReached$|^ResourceCountLimit/i),
    code: 'QUOTA_EXCEEDED',
    expected: true,
  },
  {
    matches: ({ code, message }) =>
      /^(OperationNotAllowed|Conflict|BadRequest)$/i.test(code) && QUOTA_TEXT.test(message),
    code: 'QUOTA_EXCEEDED',
    expected: true,
  },
  {
    matches: codeIs(/AllocationFailed$|^SkuNotAvailable$|^Overconstrained(Zonal)?AllocationRequest$|^SpotVMCapacity/i),
    code: 'CAPACITY_UNAVAILABLE',
    expected: true,
  },
  { matches: codeIs(/^TooManyRequests$|Throttled$|^ServerBusy$/i), code: 'AZURE_UNAVAILABLE', expected: false },
  {
    matches: codeIs(/AuthorizationFailed$|^RequestDisallowedByPolicy$|^(Credential|Authentication)/i),
    code: 'AZURE_DENIED',
    expected: false,
  },
  { matches: statusIs(401, 403), code: 'AZURE_DENIED', expected: false },
  {
    matches: codeIs(/^OperationPreempted$|^Conflict$|^PreconditionFailed$|ConcurrentRequest|^OperationNotAllowed$/i),
    code: 'SCALE_SET_CONFLICT',
    expected: true,
  },
  { matches: statusIs(409, 412), code: 'SCALE_SET_CONFLICT', expected: true },
  {
    matches: codeIs(/^Internal(Server|Execution)?Error$|^ServiceUnavailable$|Timeout$|^RetryableError/i),
    code: 'AZURE_UNAVAILABLE',
    expected: false,
  },
  {
    matches: ({ status, code }) => status >= 500 || (status === 0 && isNetworkCode(code)),
    code: 'AZURE_UNAVAILABLE',
    expected: false,
  },
];

/** Undefined when the table does not know the failure: the caller's step says what that means. */
export const meaningOf = (failure: AzureFailure): Meaning | undefined => TABLE.find((row) => row.matches(failure));

/** Codes that only say that something below failed; the reason stands in their details. */
const WRAPPERS =
  /^(DeploymentFailed|ResourceDeploymentFailure|InvalidTemplateDeployment|MultipleErrorsOccurred|ResourceOperationFailure|BadRequest|Conflict|NotFound)$/;

/** The error among nested ones that explains most: quota or capacity anywhere, else the deepest that is no wrapper. */
export function deepestError(body: unknown): ArmError | undefined {
  const errors = flattenArmError(body);
  const explains = ({ code, message }: ArmError): boolean =>
    /^(QUOTA_EXCEEDED|CAPACITY_UNAVAILABLE)$/.test(meaningOf({ status: 0, code, message })?.code ?? '');
  return errors.find(explains) ?? errors.find(({ code }) => !WRAPPERS.test(code)) ?? errors[0];
}

/** `deepestError` as a failure that the table understands. */
export function failureOf(status: number, body: unknown, retryAfterMs?: number): AzureFailure {
  const error = deepestError(body);
  return {
    status,
    code: error?.code ?? '',
    message: error?.message || `Azure answered ${status || 'nothing'}`,
    retryAfterMs,
  };
}

interface SdkError extends Error {
  statusCode?: number;
  code?: string;
  details?: unknown;
  response?: { bodyAsText?: string | null; headers?: { get(name: string): string | undefined } };
}

/** Undefined for what is no Azure error, such as a bug of ours: it must not be dressed up as one. */
export function readFailure(error: unknown): AzureFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const sdk: SdkError = error;
  const ofIdentity = /^(Aggregate)?(Credential|Authentication)/.test(error.name);
  if (sdk.statusCode === undefined && error.name !== 'RestError' && !ofIdentity && !isNetworkCode(sdk.code))
    return undefined;
  const deepest = deepestError(sdk.details) ?? deepestError(parse(sdk.response?.bodyAsText));
  return {
    status: sdk.statusCode ?? 0,
    code: deepest?.code || (ofIdentity ? error.name : (sdk.code ?? '')),
    message: deepest?.message || error.message,
    retryAfterMs: sdk.response?.headers && readRetryAfterMs(sdk.response.headers),
  };
}

function parse(text: string | null | undefined): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

export const isStatus = (error: unknown, ...statuses: number[]): boolean =>
  statuses.includes(readFailure(error)?.status ?? -1);

/** Azure's own words behind ours, for a person. */
export const describe = ({ code, message }: AzureFailure): string => (code ? `${code}: ${message}` : message);

/** The error to throw for a call from which no refusal is expected. What is no Azure error comes back as it is. */
export function toAppError(error: unknown): unknown {
  const failure = readFailure(error);
  if (!failure || error instanceof AppError) return error;
  const { retryAfterMs } = failure;
  return new AppError(meaningOf(failure)?.code ?? 'INTERNAL', describe(failure), { cause: error, retryAfterMs });
}

/** An expected "no" as a refusal; everything else is thrown. `otherwise` is what an unknown 4xx means at this step. */
export function toRefusal(error: unknown, otherwise?: ErrorCode): Refusal {
  const failure = readFailure(error);
  const meaning = failure && meaningOf(failure);
  if (failure && meaning?.expected) return refuse(meaning.code, describe(failure));
  if (failure && !meaning && otherwise && failure.status >= 400) return refuse(otherwise, describe(failure));
  throw toAppError(error);
}

/** Runs a call and translates what it throws. */
export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toAppError(error);
  }
}

/** Like `translated`, for reads: undefined when Azure answers 404. */
export async function foundOrUndefined<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw toAppError(error);
  }
}
