import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface OwnStarling {
  /** What a command needs to find it. */
  env: Record<string, string>;
  /** Simulated seconds per real second. */
  timeScale: number;
  stop(): Promise<void>;
}

/** Half a minute of Azure in a second: fast enough for three minutes, slow enough to read along. */
const TIME_SCALE = 30;
const READY = 'Ctrl-C ends it';

/** `npm start` in a folder and on ports of its own, so that the tour touches nothing else. */
export async function startOwnStarling(
  home: string,
  folder: string,
  say: (line: string) => void,
): Promise<OwnStarling> {
  const [appPort, azurePort] = [await freePort(), await freePort()];
  const stateDir = join(folder, 'state');
  const env = { ...addressless(), PORT: `${appPort}`, LOCAL_AZURE_PORT: `${azurePort}`, STARLING_STATE_DIR: stateDir };
  const child = spawn(process.execPath, [join(home, 'dist/local/start.js'), '--empty'], {
    env: { ...env, STARLING_TIME_SCALE: `${TIME_SCALE}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = (): void => void child.kill('SIGINT');
  process.on('exit', end); // also after an error on the way
  const startedAt = performance.now();
  await untilReady(child);
  say(
    `Starling runs on a simulated Azure, ${TIME_SCALE} times as fast as time (started in ${Math.round(performance.now() - startedAt)} ms).`,
  );
  return {
    env: { STARLING_STATE_DIR: stateDir, STARLING_URL: '' },
    timeScale: TIME_SCALE,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      end();
      await once(child, 'exit');
    },
  };
}

/** Without what would lead to another Starling, or let npm's end end it. */
function addressless(): NodeJS.ProcessEnv {
  const { npm_lifecycle_event: _, STARLING_URL: __, ...env } = process.env;
  return env;
}

/** Rejects with what it said when it does not start. */
async function untilReady(child: ChildProcess): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(READY)) resolve();
      });
    child.on('exit', () => reject(new Error(`Starling did not start: ${output}`)));
    child.on('error', reject);
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
