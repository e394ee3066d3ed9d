import type { Socket } from 'node:net';

/** Joins two connections, until either ends; what fails on one side ends both. */
export function pipe(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.once('error', () => to.destroy());
    from.once('close', () => to.destroy());
  }
}

const PREAMBLE_LIMIT = 200; // a word, an address and a port are far less

/** The first line of a connection, without its end; what follows stays in the socket. */
export function readPreamble(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    const failed = (): void => reject(new Error('the connection ended before its first line'));
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk; chunk = socket.read() as Buffer | null) {
        read = Buffer.concat([read, chunk]);
        const end = read.indexOf('\n');
        if (end < 0 && read.length < PREAMBLE_LIMIT) continue;
        socket.off('readable', onReadable).off('close', failed).off('error', failed);
        if (end < 0) return reject(new Error('the first line is too long'));
        if (read.length > end + 1) socket.unshift(read.subarray(end + 1));
        return resolve(read.subarray(0, end).toString());
      }
    };
    socket.on('readable', onReadable).once('close', failed).once('error', failed);
  });
}
