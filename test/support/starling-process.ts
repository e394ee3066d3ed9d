import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** One life of `npm start`: a process group of its own, so that nothing of it can be left behind. */
export interface StarlingProcess {
  /** Everything it and its children have written. */
  output(): string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  isAlive(): boolean;
  /** Ids of its child processes, and theirs. */
  children(): number[];
  /** To the first process alone, as `kill` does. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
  /** Ends whatever is left of it. */
  killGroup(): void;
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

/** Without npm, which would only cost time. */
const DIRECT = [process.execPath, join(ROOT, 'dist/local/start.js')];
export const THROUGH_NPM = ['npm', 'start', '--'];

export function startStarlingProcess(
  args: string[],
  env: Record<string, string>,
  [program = '', ...first]: string[] = DIRECT,
): StarlingProcess {
  const child = spawn(program, [...first, ...args], {
    cwd: ROOT,
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
    ended: endOf(child),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    children: () => descendants(group),
    signal: (name) => void child.kill(name),
    killGroup() {
      endGroup(group);
      groups.delete(group);
    },
    interrupt() {
      process.kill(-group, 'SIGINT');
      child.kill('SIGINT'); // npm passes on what the terminal has sent to all
    },
  };
}

async function endOf(child: ChildProcess): Promise<number | string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
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

function descendants(ancestor: number): number[] {
  const table = processTable();
  const below = (id: number): number[] =>
    table.flatMap(({ pid, parent }) => (parent === id ? [pid, ...below(pid)] : []));
  return below(ancestor);
}

/** Zombies are gone: whoever inherits them may take its time to notice. */
function processTable(): { pid: number; parent: number }[] {
  return (existsSync('/proc/self/stat') ? statsOfLinux() : statsOfPs())
    .filter(({ state }) => !state.startsWith('Z'))
    .map(({ pid, parent }) => ({ pid: Number(pid), parent: Number(parent) }));
}

interface Stat {
  pid: string;
  parent: string;
  state: string;
}

/** `123 (name, with anything in it) S 1 …`; small images of Linux have no `ps`. */
function statsOfLinux(): Stat[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return [{ pid, parent, state }];
    } catch {
      return []; // it ended while we were reading
    }
  });
}

function statsOfPs(): Stat[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const [pid = '', parent = '', state = ''] = line.trim().split(/\s+/);
    return { pid, parent, state };
  });
}
