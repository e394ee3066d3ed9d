import type { Exchange } from './exchange';

/** Trigger metadata carry JSON, never `{string}`: for those the programming model tries to parse JSON, and throws inside. */
export function toTriggerMetadata(exchange: Exchange, params: Record<string, string>): Record<string, unknown> {
  const json = (value: unknown): object => ({ json: JSON.stringify(value) });
  const named = Object.entries(params).map(([name, value]) => [name, json(value)]);
  return {
    Headers: json(flatHeaders(exchange)),
    Query: json(Object.fromEntries(exchange.url.searchParams)),
    ...(Object.fromEntries(named) as Record<string, unknown>),
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
