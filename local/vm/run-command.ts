import type { Guest } from './guest';

/** What a script prints that was run through the VM agent: of the many that exist, those that ask for logs. */
export function outputOf({ spec, state }: Guest, script: string[]): string {
  const text = script.join('\n');
  const lines = Number(/(?:-n|--lines)[ =]?(\d+)/.exec(text)?.[1] ?? 100);
  const unit = /(?:-u|--unit)[ =]?'?([\w.-]+)/.exec(text)?.[1]?.replace(/\.service$/, '');
  if (unit === undefined) return `${spec.computerName}: ${state.phase}\n`;
  const writer = unit.startsWith('k3s') ? ' k3s: ' : unit.startsWith('starling') ? ' starling: ' : ' ';
  const chosen = state.journal.filter((line) => line.includes(writer)).slice(-lines);
  return chosen.length > 0
    ? `${chosen.map((line) => journalLine(line, spec.computerName)).join('\n')}\n`
    : '-- No entries --\n';
}

/** Sample: `2026-03-01T08:00:12.000Z master0 k3s[812]: k3s is up and running`. */
function journalLine(line: string, host: string): string {
  const [, at = '', writer = '', message = ''] = /^(\S+) (\w+): (.*)$/.exec(line) ?? [];
  return `${at} ${host} ${writer}[${writer === 'k3s' ? 812 : 640}]: ${message}`;
}
