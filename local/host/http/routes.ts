import type { FunctionMetadata, LogLine } from '../contract';
import { parseRouteTemplate, type RouteTemplate } from './route-template';

export type AuthLevel = 'anonymous' | 'function' | 'admin';

export interface Route {
  functionName: string;
  template: RouteTemplate;
  /** Upper case; empty means every method. */
  methods: readonly string[];
  authLevel: AuthLevel;
}

export interface RouteMatch {
  route: Route;
  params: Record<string, string>;
}

/**
 * Routes of all HTTP functions in the order in which they are tried: literal before constrained before free before
 * catch-all, segment by segment. A function without a route, or with an empty one, answers under its own name, as in the
 * real host; the root is reached by `routePrefix: ""` and a route such as `{*rest}`, `{ignored:maxlength(0)?}` or `/`.
 */
export function buildRoutes(
  functions: readonly FunctionMetadata[],
  routePrefix: string,
  log: (line: LogLine) => void,
): Route[] {
  const http = functions.filter(({ trigger }) => trigger.type === 'httpTrigger');
  const routes = http.flatMap((item) => tryRoute(item, routePrefix, log));
  return routes.sort((a, b) => comparePrecedence(a.template.precedence, b.template.precedence));
}

/** None for a route that the router refuses; the other functions go on. */
function tryRoute(item: FunctionMetadata, routePrefix: string, log: (line: LogLine) => void): Route[] {
  try {
    return [toRoute(item, routePrefix)];
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    log({
      level: 'error',
      category: 'Host.Startup',
      message: `The function '${item.name}' has no route. ${error.message}`,
    });
    return [];
  }
}

function toRoute({ name, trigger }: FunctionMetadata, routePrefix: string): Route {
  const own = (trigger.route as string | undefined) || name;
  const text = [routePrefix, own]
    .map((part) => part.replace(/^\/+|\/+$/g, ''))
    .filter(Boolean)
    .join('/');
  return {
    functionName: name,
    template: parseRouteTemplate(text),
    methods: ((trigger.methods as string[] | undefined) ?? []).map((method) => method.toUpperCase()),
    authLevel: ((trigger.authLevel as string | undefined) ?? 'anonymous').toLowerCase() as AuthLevel,
  };
}

/** Digit by digit; where one is the beginning of the other, the longer one first, so that an optional tail loses to none. */
function comparePrecedence(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  return a.slice(0, shared).localeCompare(b.slice(0, shared)) || a.length - b.length;
}

/**
 * The first route that fits path and method. A path that fits only under another method is no match and becomes 404, also
 * for HEAD on a GET route: so does the real host (its issues 10098 and 11625).
 */
export function matchRoute(
  routes: readonly Route[],
  method: string,
  segments: readonly string[],
): RouteMatch | undefined {
  for (const route of routes) {
    if (route.methods.length > 0 && !route.methods.includes(method)) continue;
    const params = route.template.match(segments);
    if (params) return { route, params };
  }
  return undefined;
}
