import { retryPolicy, type PipelinePolicy, type RetryStrategy } from '@azure/core-rest-pipeline';

/** Two repeats cure a dropped connection; longer trouble belongs to the workflow, which waits in durable timers for free. */
const MAX_RETRIES = 2;
const FIRST_DELAY_MS = 400;
/** Throttling that asks for more than this is passed on: an activity that sleeps is billed, and holds a worker. */
const LONGEST_PATIENCE_MS = 3_000;

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'REQUEST_SEND_ERROR',
]);

export const isNetworkCode = (code: string | undefined): boolean => code !== undefined && NETWORK_CODES.has(code);

/** The delay that a server asked for, in milliseconds; undefined when it asked for none. HTTP allows seconds or a date. */
export function readRetryAfterMs(headers: { get(name: string): string | undefined }): number | undefined {
  const milliseconds = headers.get('retry-after-ms') ?? headers.get('x-ms-retry-after-ms');
  if (milliseconds && /^\d+$/.test(milliseconds)) return Number(milliseconds);
  const value = headers.get('retry-after');
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

const shortTrouble: RetryStrategy = {
  name: 'short-trouble',
  retry({ retryCount, response, responseError }) {
    const backoffMs = FIRST_DELAY_MS * 2 ** retryCount;
    if (!response) {
      return isNetworkCode(responseError?.code) ? { retryAfterInMs: backoffMs } : { skipStrategy: true };
    }
    const transient = response.status === 408 || response.status === 429 || response.status >= 500;
    if (!transient || response.status === 501) return { skipStrategy: true };
    const delayMs = readRetryAfterMs(response.headers) ?? backoffMs;
    return delayMs <= LONGEST_PATIENCE_MS ? { retryAfterInMs: delayMs } : { skipStrategy: true };
  },
};

/** Replaces the SDKs' own retry, which would sleep through any `Retry-After`. */
export const shortRetryPolicy = (): PipelinePolicy => retryPolicy([shortTrouble], { maxRetries: MAX_RETRIES });
