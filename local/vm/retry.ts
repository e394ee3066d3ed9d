import { chance, type GuestTask, type GuestWorld } from './guest';
import type { Answer } from './starling-client';

/* The rules of cloud-init/scripts/starling-attest.sh, whose part the simulated guests play. */

const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 30_000;
const RETRY_AFTER_CAP_SECONDS = 300;

/** No answer, or one that a repeat may change. */
export const isRetryable = ({ status }: Answer): boolean => [0, 408, 410, 425, 429].includes(status) || status >= 500;

export const isSuccess = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** As long as the app asked, else twice as long as the last time; with jitter, so that a wave does not come back as one. */
export function retryDelayMs(world: GuestWorld, task: GuestTask, { retryAfterSeconds }: Answer): number {
  const jitter = chance(world, 'retry', task.vmId, task.bootId, task.attempt, task.since);
  if (retryAfterSeconds !== undefined) {
    const askedMs = Math.min(retryAfterSeconds, RETRY_AFTER_CAP_SECONDS) * 1_000;
    return askedMs + (jitter * askedMs) / 4;
  }
  const doubledMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.min(task.attempt, 9));
  return doubledMs / 2 + (jitter * doubledMs) / 2;
}

/** Starling's own code of a refusal, such as ATTESTATION_INVALID. */
export function problemCode({ body }: Answer): string {
  try {
    const { code } = JSON.parse(body) as { code?: unknown };
    return typeof code === 'string' ? code : 'unknown';
  } catch {
    return 'unknown';
  }
}
