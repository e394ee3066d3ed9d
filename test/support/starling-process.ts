import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** One life of `npm start`: a process group of its own, so that nothing of it can be left behind. */
export interface StarlingProcess {
  /** Everything it and its children have written. */
  output(): string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  isAlive(): boolean;
  /** Ids of its child processes. */
  children(): number[];
  /** To the first process alone, as `kill` does. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
  /** To the whole group, as a terminal does at Ctrl-C. */
  interrupt(): void;
}

/** Brings dist/ up to date as `npm start` and `npm test` do: nothing to do when they have done so. */
export function buildOnce(): void {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/run.mjs'), 'build'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
}

const groups = new Set<number>();
process.on('exit', () => groups.forEach(endGroup)); // also when Jest gives a test file up

export function startStarlingProcess(args: string[], env: Record<string, string>): StarlingProcess {
  const child = spawn(process.execPath, [join(ROOT, 'dist/local/start.js'), ...args], {
    // As under npm, which names its script: then it ends by itself when this process is killed.
    env: { ...process.env, npm_lifecycle_event: 'start', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const group = child.pid!;
  groups.add(group);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => (output += text));
  }
  return {
    output: () => output,
    ended: endOf(child, group),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    children: () => processTable().flatMap(({ pid, parent }) => (parent === group ? [pid] : [])),
    signal: (name) => void child.kill(name),
    interrupt: () => void process.kill(-group, 'SIGINT'),
  };
}

async function endOf(child: ChildProcess, group: number): Promise<number | string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  groups.delete(group);
  return code ?? signal ?? 'unknown';
}

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // it has ended
  }
}

export const isRunning = (pid: number): boolean => processTable().some((entry) => entry.pid === pid);

/** Zombies are gone: whoever inherits them may take its time to notice. */
function processTable(): { pid: number; parent: number }[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith('Z'))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}

/** Two ports that were free a moment ago: the VMs remember the app's, so it must stay the same over restarts. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const ports = servers.map((server) => (server.address() as AddressInfo).port) as [number, number];
  for (const server of servers) await once(server.close(), 'close');
  return ports;
}
