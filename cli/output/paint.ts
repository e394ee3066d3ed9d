/** Colours by what a state means: good, on its way, bad. Only used where the terminal has colours. */
export function paintState(text: string): string {
  const colour = COLOUR_OF[text.trim()];
  return colour ? `\u001b[${colour}m${text}\u001b[39m` : text;
}

const GREEN = 32;
const YELLOW = 33;
const RED = 31;

const COLOUR_OF: Record<string, number> = {
  ...Object.fromEntries(['ready', 'succeeded', 'passed'].map((state) => [state, GREEN])),
  ...Object.fromEntries(
    [
      'deploying',
      'deleting',
      'running',
      'expected',
      'booting',
      'joining',
      'draining',
      'leaving',
      'parked',
      'stopped',
      'stored',
      'cancelled',
      'halted',
      'skipped',
    ].map((state) => [state, YELLOW]),
  ),
  ...Object.fromEntries(['failed', 'degraded', 'notReady', 'deviated'].map((state) => [state, RED])),
};
