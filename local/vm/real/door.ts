import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Listener } from '../../listeners';
import { serverNameOf } from './client-hello';
import { pipe } from './pipes';

/**
 * Where the app's connections to public names of VMs arrive on this machine. `dial` gets the name that the client asks for,
 * and connects to that machine: undefined when nobody is there, rejects when it refuses. TLS goes through untouched.
 */
export async function openDoor(dial: (name: string) => Promise<Socket | undefined>): Promise<Listener> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.once('close', () => open.delete(client)).on('error', () => client.destroy());
    welcome(client, dial).catch(() => client.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of open) client.destroy();
      }),
  };
}

async function welcome(client: Socket, dial: (name: string) => Promise<Socket | undefined>): Promise<void> {
  const { name, hello } = await greeting(client);
  const node = name === undefined ? undefined : await dial(name);
  // Packets to a machine that is off get lost: the client waits as long as it likes.
  if (!node) return void client.resume();
  if (client.destroyed) return void node.destroy();
  node.write(hello);
  pipe(client, node);
}

/** Reads until it is clear who is asked for. */
function greeting(client: Socket): Promise<{ name: string | undefined; hello: Buffer }> {
  return new Promise((resolve, reject) => {
    let hello = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      hello = Buffer.concat([hello, chunk]);
      const name = serverNameOf(hello);
      if (name === 'incomplete') return;
      client.off('data', onData).pause();
      resolve({ name, hello });
    };
    client.on('data', onData).once('close', () => reject(new Error('the client went away')));
  });
}
