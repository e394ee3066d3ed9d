import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface LocalTables {
  /** For `AzureWebJobsStorage`. */
  connectionString: string;
  stop(): Promise<void>;
}

export interface LocalTablesOptions {
  /** Built `local/azurite.js`. */
  entry: string;
  stateDir: string;
  /** base64, 64 bytes. */
  accountKey: string;
  env: Record<string, string>;
  nodeArgs: string[];
  /** It ended without being told to: every row is on disk, but nothing can be read any more. */
  onLost: () => void;
}

const ACCOUNT = 'starling';

/** Starts Azurite's table service as a child that ends with this process. */
export async function startTables(options: LocalTablesOptions): Promise<LocalTables> {
  const child = fork(options.entry, [join(options.stateDir, 'tables.json')], {
    env: { ...process.env, ...options.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${options.accountKey}` },
    execArgv: options.nodeArgs,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const port = await portOf(child);
  child.once('exit', options.onLost);
  const endpoint = `TableEndpoint=http://127.0.0.1:${port}/${ACCOUNT}`;
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${options.accountKey};${endpoint};`,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.off('exit', options.onLost);
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`Azurite ended at its start (exit code ${code})`);
  });
  const told = once(child, 'message').then(([message]) => (message as { port: number }).port);
  ended.catch(() => undefined); // it also ends when it is told to
  return Promise.race([told, ended]);
}
