import { request as send, type Agent } from 'node:https';
import { ResponseContext, wrapHttpLibrary, type HttpLibrary, type RequestContext } from '@kubernetes/client-node';

/**
 * How the Kubernetes client sends a request. Its own way, node-fetch 2, calls a chunked answer cut off ("Premature close")
 * when its kept-alive socket serves the next request at once, which a few parallel calls suffice for.
 */
export function httpLibrary(agent: Agent): HttpLibrary {
  return wrapHttpLibrary({ send: (request) => exchange(request, agent) });
}

function exchange(request: RequestContext, agent: Agent): Promise<ResponseContext> {
  return new Promise((resolve, reject) => {
    const { body, length } = bodyOf(request);
    const headers = { ...request.getHeaders(), ...length };
    const options = { agent, method: String(request.getHttpMethod()), headers, signal: request.getSignal() };
    const outgoing = send(request.getUrl(), options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const content = Buffer.concat(chunks);
        const received = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
        );
        const readers = { text: async () => content.toString('utf8'), binary: async () => content };
        resolve(new ResponseContext(response.statusCode ?? 0, received, readers));
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function bodyOf(request: RequestContext): { body?: string; length: Record<string, string> } {
  const body: unknown = request.getBody();
  if (body === undefined || body === null || body === '') return { length: {} };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { body: text, length: { 'Content-Length': String(Buffer.byteLength(text)) } };
}
