import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Listener {
  port: number;
  /** Takes no new connection, lets what runs finish for `graceMs` of real time, then cuts it off. */
  close(graceMs: number): Promise<void>;
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The port is taken by another program. */
export class PortBusy extends Error {
  constructor(readonly port: number) {
    super(`Port ${port} is in use by another program. Choose another port, or end the program that listens on it.`);
  }
}

/** As the real host's server keeps them; with Node's 5 s, clients with a pool run into connections that just closed. */
const KEEP_ALIVE_MS = 130_000;

/** @throws PortBusy */
export function listen(port: number, bind: string, handle: RequestHandler): Promise<Listener> {
  const server = createServer((request, response) => void handle(request, response));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = 0; // functionTimeout bounds the work, and an upload may take as long as it takes
  const close = (graceMs: number): Promise<void> =>
    new Promise((resolve) => {
      const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
      server.close(() => {
        clearTimeout(cutOff);
        resolve();
      });
      server.closeIdleConnections();
    });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new PortBusy(port) : error),
    );
    server.listen(port, bind, () => resolve({ port: (server.address() as AddressInfo).port, close }));
  });
}
