import type { Clock } from '../clock';
import { parseTarget, typeOf } from './arm/ids';
import type { SimRequest } from './http';

export interface LoggedRequest {
  at: string;
  method: string;
  path: string;
  operation: string;
  status: number;
}

export interface RequestLog {
  add(request: SimRequest, status: number): void;
  /** Answer of `GET /_local/requests`. */
  report(): { total: number; operations: Record<string, number>; requests: LoggedRequest[] };
}

const KEPT = 1_000;

/** Counts since the process started: a measuring aid, not part of Azure's state. */
export function createRequestLog(clock: Clock): RequestLog {
  const requests: LoggedRequest[] = [];
  const operations = new Map<string, number>();
  let total = 0;
  return {
    add(request, status) {
      const operation = operationName(request);
      total += 1;
      operations.set(operation, (operations.get(operation) ?? 0) + 1);
      const path = request.url.pathname + request.url.search;
      requests.push({ at: new Date(clock.now()).toISOString(), method: request.method, path, operation, status });
      if (requests.length > KEPT) requests.shift();
    },
    report: () => ({ total, operations: Object.fromEntries([...operations].sort()), requests: [...requests] }),
  };
}

function operationName({ method, url }: SimRequest): string {
  const target = parseTarget(url.pathname);
  if (!target)
    return `${method} ${url.hostname.endsWith('.vault.azure.net') ? 'Microsoft.KeyVault/secrets' : url.pathname}`;
  if (target.namespace) return `${method} ${typeOf(target)}`;
  if (/\/operationresults\//i.test(url.pathname)) return `${method} Microsoft.Resources/operationresults`;
  if (/\/resources$/i.test(url.pathname)) return `${method} Microsoft.Resources/resources`;
  return `${method} Microsoft.Resources/${/resourcegroups/i.test(url.pathname) ? 'resourceGroups' : 'subscriptions'}`;
}
