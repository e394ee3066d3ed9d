import { request as send, type Agent } from 'node:https';
import { ResponseContext, wrapHttpLibrary, type HttpLibrary, type RequestContext } from '@kubernetes/client-node';

/**
 * How the Kubernetes client sends a request. Its own way, node-fetch 2, calls a chunked answer cut off ("Premature close")
 * when its kept-alive socket serves the next request at once, which a few parallel calls suffice for.
 */
export function httpLibrary(route: Route): HttpLibrary {
  let answering = 0; // stays with the master that answered last
  const sendInTurn = async (request: RequestContext): Promise<ResponseContext> => {
    for (let failures = 0; ; failures++) {
      const origin = route.origins[answering] ?? '';
      try {
        return await exchange(request, origin, route);
      } catch (error) {
        answering = (answering + 1) % route.origins.length;
        if (failures + 1 >= route.origins.length) throw error;
      }
    }
  };
  return wrapHttpLibrary({ send: sendInTurn });
}

export interface Route {
  agent: Agent;
  /** `https://<name>:<port>` of every master; at least one. Every call of the adapter bears a repeat, so the next is asked at once. */
  origins: string[];
  /** For each of them, in real time. */
  timeoutMs: number;
}

function exchange(request: RequestContext, origin: string, { agent, timeoutMs }: Route): Promise<ResponseContext> {
  return new Promise((resolve, reject) => {
    const { body, length } = bodyOf(request);
    const headers = { ...request.getHeaders(), ...length };
    const url = new URL(request.getUrl());
    const target = new URL(`${url.pathname}${url.search}`, origin);
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { agent, method: String(request.getHttpMethod()), headers, signal };
    const outgoing = send(target, options, (response) => {
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
