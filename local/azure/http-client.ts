import type { Handler, SimResponse } from './http';

/** What the SDKs' pipeline hands to an HTTP client; structural, so that nothing of the SDKs is imported here. */
interface PipelineRequest {
  url: string;
  method: string;
  headers: Iterable<[string, string]>;
  body?: unknown;
}

interface PipelineResponse<Request, Headers> {
  request: Request;
  status: number;
  headers: Headers;
  bodyAsText: string;
}

/**
 * Lets the simulator stand in for the network: `new ComputeManagementClient(credential, id, { httpClient })`.
 * `makeHeaders` is `createHttpHeaders` of `@azure/core-rest-pipeline`.
 */
export function simulatedHttpClient<Headers>(
  handlerFor: (url: URL) => Handler,
  makeHeaders: (values: Record<string, string>) => Headers,
) {
  return {
    async sendRequest<Request extends PipelineRequest>(request: Request): Promise<PipelineResponse<Request, Headers>> {
      const url = new URL(request.url);
      const answer = await handlerFor(url)({
        method: request.method,
        url,
        headers: Object.fromEntries([...request.headers].map(([name, value]) => [name.toLowerCase(), value])),
        body: bodyText(request.body),
      });
      if (answer.drop) throw Object.assign(new Error('socket hang up'), { name: 'RestError', code: 'ECONNRESET' });
      return {
        request,
        status: answer.status,
        headers: makeHeaders(headersOf(answer)),
        bodyAsText: textOf(answer.body),
      };
    },
  };
}

const bodyText = (body: unknown): string => (body === undefined || body === null ? '' : String(body));

const textOf = (body: SimResponse['body']): string =>
  body === undefined ? '' : typeof body === 'string' || Buffer.isBuffer(body) ? String(body) : JSON.stringify(body);

function headersOf({ headers, body }: SimResponse): Record<string, string> {
  const json = typeof body === 'object' && !Buffer.isBuffer(body);
  return { ...(json && { 'content-type': 'application/json; charset=utf-8' }), ...headers };
}
