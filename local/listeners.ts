import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Handler, SimResponse } from './azure/http';

export interface Listener {
  port: number;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 8 * 1024 * 1024; // ARM's own limit for a request is 4 MB

interface Certificate {
  certPem: string;
  keyPem: string;
}

/** Serves a handler on a socket of this machine. `tls` makes it HTTPS. */
export const serve = (handler: Handler, port: number, tls?: Certificate): Promise<Listener> =>
  listen(serverOf(handler, tls), port);

/** A handler as a server that listens nowhere yet. */
export function serverOf(handler: Handler, tls?: Certificate): Server {
  const scheme = tls ? 'https' : 'http';
  const listener: RequestListener = (request, response) => {
    answer(handler, scheme, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(`the simulated Azure failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    });
  };
  return tls ? createHttps({ cert: tls.certPem, key: tls.keyPem }, listener) : createHttp(listener);
}

export async function listen(server: Server, port: number): Promise<Listener> {
  server.keepAliveTimeout = 30_000; // longer than clients wait between polls, so that connections are not cut in use
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  handler: Handler,
  scheme: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const url = new URL(request.url ?? '/', `${scheme}://${headers['host'] ?? '127.0.0.1'}`);
  send(response, await handler({ method: request.method ?? 'GET', url, headers, body: await read(request) }));
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > MAX_BODY_BYTES) throw new Error('the body is too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, { status, headers = {}, body, drop }: SimResponse): void {
  if (drop) return void response.destroy();
  const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const content = isRaw ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...content, ...headers }).end(isRaw ? body : JSON.stringify(body));
}
