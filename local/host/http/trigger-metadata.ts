import type { Exchange } from './exchange';

/** What a route parameter is wrapped in: `json`, or `string`, which makes the programming model try to parse JSON and throw inside. */
type Wrap = (value: string) => object;
const asJson = (value: unknown): object => ({ json: JSON.stringify(value) });
/** In stream mode the SDK takes the request's parameters from here, and only from `string`. */
export const asString: Wrap = (value) => ({ string: value });

export function toTriggerMetadata(
  exchange: Exchange,
  params: Record<string, string>,
  wrap: Wrap = asJson,
): Record<string, unknown> {
  const named = Object.entries(params).map(([name, value]) => [name, wrap(value)] as const);
  return {
    Headers: asJson(flatHeaders(exchange)),
    Query: asJson(Object.fromEntries(exchange.url.searchParams)),
    ...Object.fromEntries(named),
  };
}

/** Repeated headers as one, joined by a comma, as the real host sends them. */
export function flatHeaders({ request }: Exchange): Record<string, string> {
  const entries = Object.entries(request.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
