import type { SimRequest, SimResponse } from '../http';
import type { JsonObject } from '../json';
import { decoded } from './ids';

export interface Exchange {
  request: SimRequest;
  /** Path parameters, decoded. */
  params: Record<string, string>;
  query: URLSearchParams;
  /** `{}` where the request has no body. */
  body: JsonObject;
}

export interface Route {
  method: string;
  /** Path with `{name}` parameters; matched without regard to case. */
  path: string;
  run(exchange: Exchange): SimResponse | Promise<SimResponse>;
}

/** Path parameters when the path has the form of the template. */
export function matchPath(template: string, path: string): Record<string, string> | undefined {
  const wanted = template.split('/').filter(Boolean);
  const given = path.split('/').filter(Boolean);
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of wanted.entries()) {
    const value = decoded(given[index] ?? '');
    if (segment.startsWith('{')) params[segment.slice(1, -1)] = value;
    else if (segment.toLowerCase() !== value.toLowerCase()) return undefined;
  }
  return params;
}

/** The parameter of a matched path; asking for one that the template lacks is a bug. */
export function param(exchange: Exchange, name: string): string {
  const value = exchange.params[name];
  if (value === undefined) throw new Error(`the route has no parameter ${name}`);
  return value;
}
