/** Why a value of a Compose file cannot be read, for a person; the path to it is told by whoever reads the file. */
export class Unreadable extends Error {}

/** A text, or what YAML takes for something else although a text was meant: `80`, `true`. */
export function scalar(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Unreadable('must be a text or a number');
}

/** Also as text, as variables are. */
export function wholeNumber(value: unknown): number {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number) && (number as number) >= 0) return number as number;
  throw new Unreadable('must be a whole number, 0 or more');
}

export function fraction(value: unknown): number {
  const number = typeof value === 'string' && /^\d*\.?\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && number >= 0 && number <= 1) return number;
  throw new Unreadable('must be a number from 0 to 1');
}

const NANOSECONDS: Record<string, number> = { us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Samples: `10s`, `1m30s`, `500ms`. */
export function nanoseconds(value: unknown): number {
  const parts = typeof value === 'string' ? [...value.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)] : [];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== value)
    throw new Unreadable('must be a time such as 10s or 1m30s');
  return Math.round(
    parts.reduce((sum, [, number = '', unit = '']) => sum + Number(number) * (NANOSECONDS[unit] ?? 0), 0),
  );
}

const POWERS = ['b', 'k', 'm', 'g', 't'];

/** Samples: `64M`, `1gb`, `512MiB`; units are powers of 1024, as Docker has them. */
export function bytes(value: unknown): number {
  const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?) ?(?:([bkmgt])(?:i?b)?)?$/i.exec(scalar(value)) ?? [];
  if (number === undefined) throw new Unreadable('must be a size such as 64M or 1G');
  return Math.round(Number(number) * 1024 ** POWERS.indexOf(unit.toLowerCase()));
}

/** Samples: `0.5`, `2`. */
export function nanoCpus(value: unknown): number {
  const text = scalar(value);
  if (!/^\d*\.?\d+$/.test(text)) throw new Unreadable('must be a number of processors such as 0.5');
  return Math.round(Number(text) * 1e9);
}

const WORD = /(?:[^\s"'\\]+|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gsy;
const PIECE = /\\(?<escaped>.)|"(?<double>(?:[^"\\]|\\.)*)"|'(?<single>[^']*)'/gs;

/** A command: a list of words, or a text that is taken apart as a shell would, without a shell's other powers. */
export function words(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(scalar);
  if (typeof value !== 'string') throw new Unreadable('must be a text or a list of texts');
  const found: string[] = [];
  for (let at = skipBlank(value, 0); at < value.length; at = skipBlank(value, at)) {
    WORD.lastIndex = at;
    const word = WORD.exec(value)?.[0];
    if (word === undefined) throw new Unreadable('has a quote without an end');
    found.push(unquoted(word));
    at += word.length;
  }
  return found;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return at;
}

const unquoted = (word: string): string =>
  word.replace(PIECE, (...parts: unknown[]) => {
    const { escaped, double, single } = parts.at(-1) as Record<string, string | undefined>;
    return escaped ?? single ?? (double ?? '').replace(/\\(["\\$])/g, '$1');
  });

/** A map, or a list of `NAME=value`. */
export function entries(value: unknown): Record<string, string> {
  if (Array.isArray(value))
    return Object.fromEntries(
      value.map((line) => {
        const [, name = '', text] = /^([^=]+)=(.*)$/s.exec(scalar(line)) ?? [];
        if (text === undefined)
          throw new Unreadable(`has ${scalar(line)} without a value: there is no environment to take it from`);
        return [name, text];
      }),
    );
  if (!isMap(value)) throw new Unreadable('must be a map, or a list of NAME=value');
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      if (text === null) throw new Unreadable(`has ${name} without a value: there is no environment to take it from`);
      return [name, scalar(text)];
    }),
  );
}

/** As `entries`, for labels: one without a value is empty. */
export function labels(value: unknown): Record<string, string> {
  const isBare = (line: unknown): boolean => typeof line === 'string' && !line.includes('=');
  if (Array.isArray(value)) return entries(value.map((line) => (isBare(line) ? `${line}=` : (line as unknown))));
  return entries(
    isMap(value) ? Object.fromEntries(Object.entries(value).map(([name, text]) => [name, text ?? ''])) : value,
  );
}

export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
