import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { SimRequest, SimResponse } from '../azure/http';

/** One request at a listener of many names: reads it, and sends what `answer` says of the name and the request. */
export async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (serverName: string, request: SimRequest) => SimResponse,
): Promise<void> {
  const socket = request.socket as TLSSocket;
  const serverName = typeof socket.servername === 'string' ? socket.servername : '';
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
  const url = new URL(request.url ?? '/', `https://${serverName || 'localhost'}`);
  const body = Buffer.concat(chunks).toString();
  send(response, answer(serverName, { method: request.method ?? 'GET', url, headers, body }));
}

function send(response: ServerResponse, { status, headers, body, drop }: SimResponse): void {
  if (drop) return void response.destroy();
  const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  response.writeHead(status, headers).end(isRaw ? body : JSON.stringify(body));
}
