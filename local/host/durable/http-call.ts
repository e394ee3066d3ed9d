/** What `context.df.callHttp` sends. */
interface DurableHttpRequest {
  method: string;
  uri: string;
  content?: string;
  headers?: Record<string, string>;
  tokenSource?: unknown;
  asynchronousPatternEnabled?: boolean;
}

const DEFAULT_POLL_MS = 30_000; // When a 202 has no Retry-After; the extension's default.

/** `response` is the JSON that the orchestrator gets; `moved` is a 202 whose `Location` is to be asked after `waitMs`. */
export type HttpAnswer = { kind: 'done'; response: string } | { kind: 'moved'; request: string; waitMs: number };

/** Sends one request. Following a 202 here rather than in the SDK keeps its polling from consuming task ids. */
export async function callHttp(input: string): Promise<HttpAnswer> {
  const request = JSON.parse(input) as DurableHttpRequest;
  if (request.tokenSource) throw new Error('callHttp with a tokenSource is not supported by this host.');
  const hasBody = !['GET', 'HEAD'].includes(request.method.toUpperCase());
  const { method, headers, content } = request;
  const response = await fetch(request.uri, { method, headers: headers ?? {}, body: hasBody ? content : undefined });
  const text = await response.text();
  const location = response.headers.get('location');
  if (response.status === 202 && location && request.asynchronousPatternEnabled !== false) {
    const waitMs = Number(response.headers.get('retry-after')) * 1000 || DEFAULT_POLL_MS;
    return { kind: 'moved', request: JSON.stringify(followUp(request, new URL(location, request.uri))), waitMs };
  }
  const answer = { statusCode: response.status, headers: Object.fromEntries(response.headers), content: text };
  return { kind: 'done', response: JSON.stringify(answer) };
}

/** Function keys never follow a redirect, and credentials not to another origin. */
function followUp(request: DurableHttpRequest, next: URL): DurableHttpRequest {
  const sameOrigin = next.origin === new URL(request.uri).origin;
  const kept = Object.entries(request.headers ?? {}).filter(
    ([name]) => !/^x-functions-key$/i.test(name) && (sameOrigin || !/^(authorization|cookie)$/i.test(name)),
  );
  return { ...request, method: 'GET', uri: next.href, content: undefined, headers: Object.fromEntries(kept) };
}
