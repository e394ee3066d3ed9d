import type { SimRequest } from '../http';

/** Small enough to be met by tests; real services page at 50 to 1000. */
export const PAGE_SIZE = 100;

interface Page<T> {
  value: T[];
  nextLink?: string;
}

/** One page of `items`, which must be ordered by `keyOfItem`: the token names the last key, so that pages bear changes in between. */
export function page<T>(
  items: readonly T[],
  keyOfItem: (item: T) => string,
  request: SimRequest,
  baseUrl: string,
): Page<T> {
  const token = request.url.searchParams.get('$skiptoken');
  const after = token ? Buffer.from(token, 'base64url').toString() : undefined;
  const start = after === undefined ? 0 : items.findIndex((item) => keyOfItem(item) > after);
  const value = start < 0 ? [] : items.slice(start, start + PAGE_SIZE);
  const last = value[value.length - 1];
  if (last === undefined || start + PAGE_SIZE >= items.length) return { value };
  const next = new URL(`${baseUrl}${request.url.pathname}${request.url.search}`);
  next.searchParams.set('$skiptoken', Buffer.from(keyOfItem(last)).toString('base64url'));
  return { value, nextLink: next.href };
}
