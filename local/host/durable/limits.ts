import { availableParallelism } from 'node:os';
import { PayloadTooLarge } from '../contract';
import type { WorkKind } from './admission';

const DEFAULT_PER_CORE = 10; // As the Durable extension on every plan but Consumption.
const CUSTOM_STATUS_LIMIT_BYTES = 16 * 1024; // Of UTF-16; the real host refuses more.

/** `extensions.durableTask` of host.json. */
export function concurrencyLimits(hostJson: object): Record<WorkKind, number> {
  const settings =
    (hostJson as { extensions?: { durableTask?: Record<string, unknown> } }).extensions?.durableTask ?? {};
  const limit = (name: string): number => {
    const value = Number(settings[name] ?? DEFAULT_PER_CORE * availableParallelism());
    if (!(value >= 1))
      throw new RangeError(`${name} of host.json must be a number of at least 1, not ${String(settings[name])}`);
    return value;
  };
  return {
    activity: limit('maxConcurrentActivityFunctions'),
    orchestrator: limit('maxConcurrentOrchestratorFunctions'),
    entity: limit('maxConcurrentEntityFunctions'),
  };
}

/** Why a payload cannot be stored, or nothing. `what` begins the sentence. */
export function payloadProblem(what: string, json: string | null, limitBytes: number): string | undefined {
  const bytes = json === null ? 0 : Buffer.byteLength(json);
  return bytes > limitBytes ? `${what} is too large: ${bytes} bytes of JSON, of at most ${limitBytes}.` : undefined;
}

export function assertPayload(what: string, json: string | null, limitBytes: number): void {
  const problem = payloadProblem(what, json, limitBytes);
  if (problem) throw new PayloadTooLarge(problem);
}

export function customStatusProblem(json: string): string | undefined {
  const bytes = json.length * 2;
  if (bytes <= CUSTOM_STATUS_LIMIT_BYTES) return undefined;
  return `The UTF-16 size of the custom status must not exceed 16 KB; it is ${Math.ceil(bytes / 1024)} KB.`;
}
