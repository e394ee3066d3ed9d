import { rmSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { controlGroups } from './cgroups';
import { pipe, readPreamble } from './pipes';
import type { Places } from './places';

/** What a gateway is to do; its only argument, as JSON. */
export interface GatewayOrders {
  /** Connections of nodes to one of these go on to the host, which is told `what` they are and who makes them. */
  listens: { what: string; address: string; port: number }[];
  /** Unix socket of the host. */
  hostSocket: string;
  /** Unix socket of the gateway, through which the host connects to nodes. */
  dialSocket: string;
  places: Places;
}

/**
 * The one process that is in the nodes' network and reaches the host as well: sockets in the file system know no network
 * namespaces. It carries bytes and understands none of them. When its parent dies, it ends the nodes, which nobody else would.
 */
async function main(): Promise<void> {
  const orders = JSON.parse(process.argv[2] ?? '{}') as GatewayOrders;
  for (const { what, address, port } of orders.listens)
    await listening(createServer(toHost(orders.hostSocket, what)), { host: address, port });
  await listening(createServer(fromHost), { path: orders.dialSocket });
  process.stdout.write('ready\n');
  process.stdin.resume().once('end', () => void endNodes(orders.places));
}

function listening(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen(where, resolve));
}

const toHost =
  (path: string, what: string) =>
  (socket: Socket): void => {
    const host = connect({ path });
    host.write(`${what} ${socket.remoteAddress ?? ''}\n`);
    pipe(socket, host);
  };

/** First line of the host: `172.31.0.10 6443`. Answer: `open`, `refused`, or `lost` when nobody is there. */
function fromHost(host: Socket): void {
  readPreamble(host)
    .then((line) => {
      const [address = '', port = ''] = line.split(' ');
      const node = connect({ host: address, port: Number(port) });
      const failed = (error: NodeJS.ErrnoException): void =>
        void host.end(error.code === 'ECONNREFUSED' ? 'refused\n' : 'lost\n');
      node.once('error', failed).once('connect', () => {
        node.off('error', failed);
        host.write('open\n');
        pipe(node, host);
      });
      host.once('close', () => node.destroy());
    })
    .catch(() => host.destroy());
}

/** As a power cut ends them. What a new run of this local Azure finds of an old one, gateways included, it ends first. */
async function endNodes({ group, nodesGroup, runDir }: Places): Promise<void> {
  const groups = controlGroups();
  await groups.kill(nodesGroup).finally(() => {
    groups.leave();
    groups.remove(group);
    rmSync(runDir, { recursive: true, force: true });
    process.exit(0);
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
