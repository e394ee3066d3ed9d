/** Compute lets a scale set be listed 10 times a minute, page by page; waiting for agents takes no more than that. */
const PAGES_A_MINUTE = 10;
/** What the fake and, as far as is known, the real listing gives at once. */
const AGENTS_A_PAGE = 100;
const LEAST_MS = 10_000;

/** Pause between two looks at a cluster of so many agents. */
export function lookPauseMs(agents: number): number {
  return Math.max(LEAST_MS, (60_000 / PAGES_A_MINUTE) * Math.ceil(agents / AGENTS_A_PAGE));
}
