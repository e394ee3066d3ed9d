import type { SimRequest } from '../../../azure/http';
import { badRequest } from '../docker-error';
import type { Labels } from '../records';

export type Filters = Record<string, string[] | undefined>;

/** Samples: `{"label":["a=b"]}`, and the older form `{"label":{"a=b":true}}`. */
export function filtersOf({ url }: SimRequest, accepted: string[]): Filters {
  const text = url.searchParams.get('filters');
  if (!text) return {};
  const entries = Object.entries(parse(text)).map(([name, values]): [string, string[]] => [
    name,
    Array.isArray(values) ? values : Object.keys(values as object),
  ]);
  for (const [name] of entries) if (!accepted.includes(name)) throw badRequest(`invalid filter '${name}'`);
  return Object.fromEntries(entries);
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw badRequest('invalid filter');
  }
}

/** One of the values begins the text; without values everything matches. */
export const hasPrefix = (text: string, prefixes: string[] | undefined): boolean =>
  prefixes === undefined || prefixes.some((prefix) => text.startsWith(prefix));

/** `key` or `key=value`, all of them. */
export const hasLabels = (labels: Labels, wanted: string[] = []): boolean =>
  wanted.every((label) => {
    const [key = '', ...rest] = label.split('=');
    const value = rest.join('=');
    return key in labels && (value === '' || labels[key] === value);
  });
