/** Azure's default on the Consumption plan, and that of the Core Tools. */
const DEFAULT_TIMEOUT_MS = 5 * 60_000;

/** `functionTimeout` of host.json (`[d.]hh:mm:ss`) in milliseconds of real time; undefined for `-1`, which is no limit. */
export function functionTimeoutMs(text: unknown): number | undefined {
  if (text === undefined || text === null) return DEFAULT_TIMEOUT_MS;
  if (String(text) === '-1') return undefined;
  const parts = /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(String(text));
  if (!parts) throw new Error(`functionTimeout of host.json must look like 00:05:00, not ${String(text)}`);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}
