/** One in ten at a time: the others have to carry its work meanwhile. */
const SHARE = 10;

/** How many of so many agents are renewed at a time: one at least. */
export const batchOf = (agents: number): number => Math.max(1, Math.ceil(agents / SHARE));
