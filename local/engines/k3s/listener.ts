import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { SimResponse } from '../../azure/http';
import type { K3s } from './k3s';

/** One TLS listener for every master of every cluster: the name that the client asks for chooses, as a public IP address does. */
export function createK3sListener(k3s: K3s): Server {
  const listener = createServer({
    SNICallback(serverName, done) {
      const context = k3s.tlsContextFor(serverName);
      if (context) done(null, context);
      else done(new Error(`nothing answers at ${serverName}`)); // the client sees a reset connection
    },
  });
  listener.on('request', (request, response) => {
    serve(k3s, request, response).catch(() => response.destroy()); // the client went away, or sees that we failed
  });
  return listener;
}

async function serve(k3s: K3s, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const socket = request.socket as TLSSocket;
  const serverName = typeof socket.servername === 'string' ? socket.servername : '';
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
  const url = new URL(request.url ?? '/', `https://${serverName || 'localhost'}`);
  const body = Buffer.concat(chunks).toString();
  send(response, k3s.handle(serverName, { method: request.method ?? 'GET', url, headers, body }));
}

function send(response: ServerResponse, { status, headers, body, drop }: SimResponse): void {
  if (drop) return void response.destroy();
  const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  response.writeHead(status, headers).end(isRaw ? body : JSON.stringify(body));
}
