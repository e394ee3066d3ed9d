import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './ports';

export interface Azurite {
  /** With Azurite's well-known account and key. */
  connectionString: string;
  stop(): Promise<void>;
}

const ACCOUNT = 'devstoreaccount1';
/** Published in Azurite's own README; it opens nothing but an emulator. */
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const START_DEADLINE_MS = 30_000;

/** Starts the real Azurite table service on a free port, with its files in a folder of its own. */
export async function startAzurite(): Promise<Azurite> {
  const location = mkdtempSync(join(tmpdir(), 'azurite-'));
  const [port] = await freePorts(1);
  const main = join(process.cwd(), 'node_modules/azurite/dist/src/table/main.js');
  const options = ['--silent', '--skipApiVersionCheck', '--disableTelemetry', '--location', location];
  const child = spawn(process.execPath, [main, '--tablePort', String(port), ...options], { stdio: 'pipe' });
  try {
    await started(child);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};TableEndpoint=${endpoint};`,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(location, { recursive: true, force: true });
    },
  };
}

/** Azurite prints one line once it listens. */
function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`Azurite did not start: ${output}`)), START_DEADLINE_MS);
    const read = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
      if (!/successfully (started|listens)/i.test(output)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`Azurite ended with ${code}: ${output}`));
    });
  });
}
