import { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import TableConfiguration from 'azurite/dist/src/table/TableConfiguration';
import TableServer from 'azurite/dist/src/table/TableServer';
import { TableJournal, type LokiDatabase } from './table-journal';

/**
 * Azurite's table service in a process of its own. Azurite writes its file every five seconds; Azure has stored a row when
 * it says so. So before a write is answered, what it changed goes to the file, and `kill -9` loses nothing that was answered.
 */
function storeBeforeAnswers(journal: TableJournal): void {
  const end = ServerResponse.prototype.end as (this: ServerResponse, ...args: unknown[]) => ServerResponse;
  ServerResponse.prototype.end = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    const isWrite = this.req && this.req.method !== 'GET' && this.req.method !== 'HEAD' && this.statusCode < 400;
    try {
      if (isWrite) journal.save();
    } catch (error) {
      console.error(`Azurite could not store a row: ${String(error)}`);
      return this.destroy(); // unknown outcome: the client finds out by reading
    }
    return end.apply(this, args);
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
  const { metadataStore, httpServer } = server as unknown as {
    metadataStore: { db: LokiDatabase };
    httpServer: { address(): AddressInfo };
  };
  if (!inMemory) storeBeforeAnswers(new TableJournal(metadataStore.db, file));
  await server.start();
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
