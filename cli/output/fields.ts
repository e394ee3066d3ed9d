import type { Terminal } from './terminal';

/** `name   value` lines with values in one column, broken between words where the terminal ends. Empty values are left out. */
export function fieldLines(fields: [name: string, value: string][], { width }: Pick<Terminal, 'width'>): string[] {
  const given = fields.filter(([, value]) => value !== '');
  const indent = Math.max(0, ...given.map(([name]) => name.length)) + 2;
  return given.flatMap(([name, value]) =>
    wrap(value, (width ?? Infinity) - indent).map((line, at) => (at === 0 ? name : '').padEnd(indent) + line),
  );
}

/** A word that is longer than a line stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
