import { createHash } from 'node:crypto';

/** Connections of more clusters than this at once are made anew; each holds at most a few sockets. */
const MAX_CONNECTIONS = 64;
/** Age after which a connection is made anew, so that a master whose address changed is found again. */
const MAX_AGE_MS = 10 * 60_000;

/** Keeps what was made for the same access for up to ten minutes within this process, so that calls share TLS connections. */
export function keepConnections<Access, Connection>(
  make: (access: Access) => Connection,
): (access: Access) => Connection {
  const kept = new Map<string, { connection: Connection; madeAt: number }>();
  return (access) => {
    const key = createHash('sha256').update(JSON.stringify(access)).digest('hex'); // no credential as a key
    const known = kept.get(key);
    if (known && Date.now() - known.madeAt < MAX_AGE_MS) return known.connection;
    kept.delete(key);
    // A Map iterates in the order of insertion: the oldest goes.
    while (kept.size >= MAX_CONNECTIONS) kept.delete(kept.keys().next().value ?? '');
    const connection = make(access);
    kept.set(key, { connection, madeAt: Date.now() });
    return connection;
  };
}
