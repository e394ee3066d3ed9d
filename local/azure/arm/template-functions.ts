import { createHash } from 'node:crypto';
import { isObject } from '../json';

export type TemplateFunction = (...args: unknown[]) => unknown;

const text = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));
const items = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const same = (a: unknown, b: unknown): boolean =>
  typeof a === 'string' && typeof b === 'string'
    ? a.toLowerCase() === b.toLowerCase()
    : JSON.stringify(a) === JSON.stringify(b);

/** Ids of template functions: type and names, whatever the number of segments. */
function joined(type: unknown, names: unknown[]): string {
  const [namespace, ...types] = text(type).split('/');
  if (types.length !== names.length)
    throw new Error(`the type '${text(type)}' requires '${types.length}' resource name argument(s)`);
  return `/providers/${namespace}/${types.map((part, index) => `${part}/${text(names[index])}`).join('/')}`;
}

export const idBelow = (scope: string, type: unknown, names: unknown[]): string => `${scope}${joined(type, names)}`;

/** Thirteen characters, the same for the same arguments. */
const uniqueString = (...args: unknown[]): string => {
  const digits = createHash('sha256').update(args.map(text).join('-')).digest();
  return [...digits.subarray(0, 13)].map((byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join('');
};

const guid = (...args: unknown[]): string => {
  const hex = createHash('sha256').update(args.map(text).join('-')).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
};

const format = (template: unknown, ...args: unknown[]): string =>
  text(template).replace(/\{(\d+)(?::[^}]*)?\}/g, (_, index: string) => text(args[Number(index)]));

const union = (...args: unknown[]): unknown =>
  args.every(Array.isArray) ? [...new Set(args.flat())] : Object.assign({}, ...args.filter(isObject));

const empty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  (isObject(value) ? Object.keys(value).length === 0 : (value as string | unknown[]).length === 0);

const numbers =
  (fold: (a: number, b: number) => number): TemplateFunction =>
  (a, b) =>
    fold(Number(a), Number(b));

/** Functions without a context, by name in lower case. `if`, `and`, `or` get their arguments evaluated already. */
export const plainFunctions: Record<string, TemplateFunction> = {
  concat: (...args) => (args.every(Array.isArray) ? args.flat() : args.map(text).join('')),
  format,
  uniquestring: uniqueString,
  guid,
  tolower: (value) => text(value).toLowerCase(),
  toupper: (value) => text(value).toUpperCase(),
  trim: (value) => text(value).trim(),
  replace: (value, from, to) => text(value).split(text(from)).join(text(to)),
  split: (value, delimiter) =>
    text(value).split(Array.isArray(delimiter) ? new RegExp(`[${delimiter.join('')}]`) : text(delimiter)),
  join: (list, delimiter) => items(list).map(text).join(text(delimiter)),
  substring: (value, start, length) =>
    text(value).substr(Number(start), length === undefined ? undefined : Number(length)),
  startswith: (value, part) => text(value).toLowerCase().startsWith(text(part).toLowerCase()),
  endswith: (value, part) => text(value).toLowerCase().endsWith(text(part).toLowerCase()),
  indexof: (value, part) => text(value).toLowerCase().indexOf(text(part).toLowerCase()),
  padleft: (value, width, fill) => text(value).padStart(Number(width), fill === undefined ? ' ' : text(fill)),
  string: text,
  int: (value) => Math.trunc(Number(value)),
  bool: (value) => value === true || value === 1 || text(value).toLowerCase() === 'true',
  json: (value) => JSON.parse(text(value)) as unknown,
  base64: (value) => Buffer.from(text(value)).toString('base64'),
  base64tostring: (value) => Buffer.from(text(value), 'base64').toString(),
  uricomponent: (value) => encodeURIComponent(text(value)),
  if: (condition, yes, no) => (condition === true ? yes : no),
  equals: same,
  not: (value) => value !== true,
  and: (...args) => args.every((value) => value === true),
  or: (...args) => args.some((value) => value === true),
  less: (a, b) => Number(a) < Number(b),
  greater: (a, b) => Number(a) > Number(b),
  lessorequals: (a, b) => Number(a) <= Number(b),
  greaterorequals: (a, b) => Number(a) >= Number(b),
  add: numbers((a, b) => a + b),
  sub: numbers((a, b) => a - b),
  mul: numbers((a, b) => a * b),
  div: numbers((a, b) => Math.trunc(a / b)),
  mod: numbers((a, b) => a % b),
  min: (...args) => Math.min(...args.flat().map(Number)),
  max: (...args) => Math.max(...args.flat().map(Number)),
  length: (value) => (isObject(value) ? Object.keys(value).length : (value as string | unknown[]).length),
  empty,
  first: (value) => (value as string | unknown[])[0],
  last: (value) => (value as string | unknown[])[(value as string | unknown[]).length - 1],
  take: (value, count) => (value as string | unknown[]).slice(0, Number(count)),
  skip: (value, count) => (value as string | unknown[]).slice(Number(count)),
  contains: (value, part) =>
    isObject(value)
      ? Object.keys(value).some((key) => same(key, part))
      : typeof value === 'string'
        ? value.includes(text(part))
        : items(value).includes(part),
  createarray: (...args) => args,
  array: (value) => (Array.isArray(value) ? value : [value]),
  createobject: (...args) =>
    Object.fromEntries(args.flatMap((key, index) => (index % 2 === 0 ? [[text(key), args[index + 1]]] : []))),
  union,
  range: (start, count) => Array.from({ length: Number(count) }, (_, index) => Number(start) + index),
  coalesce: (...args) => args.find((value) => value !== null && value !== undefined) ?? null,
  null: () => null,
  true: () => true,
  false: () => false,
};
