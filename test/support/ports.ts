import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Below the ports that systems give to outgoing connections, of which one might take it before who asked here does. */
const RANGE = [20_000, 30_000] as const;

/** Ports that were free a moment ago, no two alike: for a program that has to be told where to listen. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  while (servers.length < count) servers.push(...(await listening()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await once(server.close(), 'close');
  return ports;
}

/** A server on a port of the range, or none when that port is taken. */
async function listening(): Promise<Server[]> {
  const server = createServer();
  try {
    await once(server.listen(randomInt(...RANGE), '127.0.0.1'), 'listening');
    return [server];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return [];
    throw error;
  }
}
