import { createHttpHeaders, type HttpClient, type PipelineRequest } from '@azure/core-rest-pipeline';

export interface ScriptedClient extends HttpClient {
  requests: PipelineRequest[];
}

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Stands in for the network below the real SDKs: answers each request as `answer` says and keeps it. */
export function scripted(answer: (request: PipelineRequest) => Answer): ScriptedClient {
  const requests: PipelineRequest[] = [];
  return {
    requests,
    async sendRequest(request) {
      requests.push(request);
      const { status, body, headers } = answer(request);
      const bodyAsText = body === undefined ? '' : JSON.stringify(body);
      return {
        request,
        status,
        bodyAsText,
        headers: createHttpHeaders({ 'content-type': 'application/json', ...headers }),
      };
    },
  };
}

/** Answers everything alike. */
export const answering = (status: number, body: unknown, headers: Record<string, string> = {}): ScriptedClient =>
  scripted(() => ({ status, body, headers }));
