import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ControlGroups } from './cgroups';
import fabricScript from './fabric.sh';
import type { GatewayOrders } from './gateway';
import type { Places } from './places';
import { readPreamble } from './pipes';

/** The network of one resource group's VMs: a switch in a network namespace of its own, shared with nothing. */
export interface Fabric {
  /** A process in the namespace. */
  pid: number;
  /** Connects to a node, as the internet would; undefined when nobody is there, rejects when the node refuses. */
  dial(address: string, port: number): Promise<Socket | undefined>;
  stop(): Promise<void>;
}

/** Address of the metadata service, the gateway, and what stands for the internet: none is in a subnet of a cluster. */
export const IMDS_ADDRESS = '169.254.169.254';
export const GATEWAY_ADDRESS = '172.31.0.1';
export const APP_ADDRESS = '172.31.255.254';
export const RELEASES_ADDRESS = '172.31.255.253';
export const NETWORK_BITS = 16;

export interface FabricOptions {
  places: Places;
  cgroups: ControlGroups;
  /** Built `local/vm/real/gateway.js`. */
  gatewayEntry: string;
  appPort: number;
  /** A node of this resource group has connected to the metadata service, to the app or to the release page. */
  onConnection: (group: string, what: string, address: string, socket: Socket) => void;
  /** The gateway has died, and the network with it. */
  onLost: () => void;
}

/** Networks come with the first machine of a resource group. */
export interface Fabrics {
  of(resourceGroup: string): Promise<Fabric>;
  /** The network of a group without machines goes. */
  release(resourceGroup: string): Promise<void>;
  stop(): Promise<void>;
}

export function createFabrics(options: FabricOptions): Fabrics {
  const fabrics = new Map<string, Promise<Fabric>>();
  let started = 0;
  const release = async (group: string): Promise<void> => {
    const fabric = fabrics.get(group);
    fabrics.delete(group);
    await (await fabric)?.stop();
  };
  return {
    of(group) {
      const fabric = fabrics.get(group) ?? startFabric(options, group, `${++started}`);
      fabrics.set(group, fabric);
      return fabric;
    },
    release,
    async stop() {
      await Promise.all([...fabrics.keys()].map(release));
    },
  };
}

async function startFabric(options: FabricOptions, group: string, name: string): Promise<Fabric> {
  const { places, onConnection, onLost } = options;
  mkdirSync(places.runDir, { recursive: true, mode: 0o700 });
  const sockets = { hostSocket: join(places.runDir, `${name}.host`), dialSocket: join(places.runDir, `${name}.node`) };
  for (const path of Object.values(sockets)) rmSync(path, { force: true });
  const server = createServer((socket) => {
    readPreamble(socket)
      .then((line) => {
        const [what = '', address = ''] = line.split(' ');
        onConnection(group, what, address, socket);
      })
      .catch(() => socket.destroy());
  });
  await once(server.listen(sockets.hostSocket), 'listening');
  const gateway = startGateway(options, { ...sockets, listens: listensOf(options), places });
  await readyOf(gateway);
  gateway.once('exit', onLost);
  return {
    pid: gateway.pid ?? 0,
    dial: (address, port) => dial(sockets.dialSocket, address, port),
    async stop() {
      gateway.off('exit', onLost);
      await Promise.all([ended(gateway), closed(server)]);
    },
  };
}

const listensOf = ({ appPort }: FabricOptions): GatewayOrders['listens'] => [
  { what: 'imds', address: IMDS_ADDRESS, port: 80 },
  { what: 'app', address: APP_ADDRESS, port: appPort },
  { what: 'releases', address: RELEASES_ADDRESS, port: 443 },
];

/** In a session of its own: what ends the terminal's processes must leave it the time to end the nodes. */
function startGateway({ gatewayEntry, cgroups }: FabricOptions, orders: GatewayOrders): ChildProcess {
  const addresses = [
    `${GATEWAY_ADDRESS}/${NETWORK_BITS}`,
    `${APP_ADDRESS}/${NETWORK_BITS}`,
    `${RELEASES_ADDRESS}/${NETWORK_BITS}`,
    `${IMDS_ADDRESS}/32`,
  ].join(' ');
  const groups = cgroups.make(orders.places.gatewaysGroup).join(' ');
  const command = [process.execPath, gatewayEntry, JSON.stringify(orders)];
  return spawn('unshare', ['--net', 'bash', '-c', fabricScript, 'fabric', groups, addresses, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
}

async function readyOf(gateway: ChildProcess): Promise<void> {
  const isReady = gateway.stdout && once(gateway.stdout, 'data').then(() => true);
  const hasEnded = once(gateway, 'exit').then(() => false);
  if (!(await Promise.race([isReady, hasEnded]))) throw new Error('the gateway of the nodes ended at its start');
}

async function dial(path: string, address: string, port: number): Promise<Socket | undefined> {
  const socket = connect({ path });
  socket.write(`${address} ${port}\n`);
  const answer = await readPreamble(socket);
  if (answer === 'open') return socket;
  socket.destroy();
  if (answer === 'refused') throw new Error(`${address}:${port} refuses connections`);
  return undefined;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Connections that are still open end with the gateway. */
const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
