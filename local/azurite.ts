import { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import TableConfiguration from 'azurite/dist/src/table/TableConfiguration';
import TableServer from 'azurite/dist/src/table/TableServer';

/**
 * Azurite's table service in a process of its own. Azurite writes its file every five seconds; Azure has stored a row when
 * it says so. So the answer to a write waits here until the file holds it, and `kill -9` loses nothing that was answered.
 */
interface Database {
  saveDatabase(done: (error?: unknown) => void): void;
  on(event: string, run: () => void): void;
}

function answerWhenSaved(database: Database): void {
  let saving: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const save = (): Promise<void> =>
    new Promise((resolve, reject) => database.saveDatabase((error) => (error ? reject(error) : resolve())));
  const begin = (): Promise<void> => (saving = save().finally(() => (saving = undefined)));
  /** A save that is under way may have begun before this write: it needs the one after. */
  const saved = (): Promise<void> => {
    if (!saving) return begin();
    return (next ??= saving
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return begin();
      }));
  };
  const end = ServerResponse.prototype.end as (this: ServerResponse, ...args: unknown[]) => ServerResponse;
  ServerResponse.prototype.end = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    const isWrite = this.req && this.req.method !== 'GET' && this.req.method !== 'HEAD' && this.statusCode < 400;
    if (!isWrite) return end.apply(this, args);
    saved().then(
      () => end.apply(this, args),
      () => this.destroy(), // unknown outcome: the client finds out by reading
    );
    return this;
  } as typeof end;
}

async function main(): Promise<void> {
  const file = process.argv[2] ?? '';
  const none = [undefined, undefined] as const;
  const inMemory = file === '';
  const configuration = new TableConfiguration(
    '127.0.0.1',
    0,
    60,
    file,
    false,
    false,
    ...none,
    true,
    true,
    '',
    '',
    '',
    undefined,
    true,
    inMemory,
  );
  const server = new TableServer(configuration);
  await server.start();
  const { metadataStore, httpServer } = server as unknown as {
    metadataStore: { db: Database };
    httpServer: { address(): AddressInfo };
  };
  if (!inMemory) answerWhenSaved(metadataStore.db);
  process.send?.({ port: httpServer.address().port });
  const stop = (): void => void server.close().finally(() => process.exit(0));
  process.on('disconnect', stop); // the parent is gone, however it went
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the parent says when
}

main().catch((error: unknown) => {
  console.error(`Azurite could not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
