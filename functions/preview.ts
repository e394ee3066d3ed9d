import type { Call, Reply } from './respond';

export const isPreview = (call: Pick<Call, 'query'>): boolean => call.query['whatIf'] === 'true';

/** What a request would do, in sentences that begin with a verb; one that says so when that is nothing. */
export const preview = (verb: string, would: string[]): Reply => ({
  status: 200,
  body: { whatIf: true, verb, would: would.length > 0 ? would : ['do nothing: everything is like that already'] },
});

/** More names than these say no more to a person. */
const NAMES_SHOWN = 10;

/** `3 agents (agents-0-1a2b3c4d, …)` */
export function counted(names: string[], noun: string): string {
  const more = names.length > NAMES_SHOWN ? [`and ${names.length - NAMES_SHOWN} more`] : [];
  const shown = [...names.slice(0, NAMES_SHOWN), ...more].join(', ');
  return `${names.length} ${noun}${names.length === 1 ? '' : 's'}${shown ? ` (${shown})` : ''}`;
}

/** How many agents a roll takes at once: a tenth, so that nine tenths keep working. */
export const atATime = (agents: number): string => `${Math.max(1, Math.ceil(agents / 10))} at a time`;
