import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Starling } from './starling';

export const CLI = join(__dirname, '../../dist/cli/main.js');

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Scene {
  cwd?: string;
  env?: Record<string, string | undefined>;
  /** Signals go to all that it starts as well, as Ctrl-C does in a terminal. */
  isGroup?: boolean;
}

/** Variables of the caller that would lead to another Starling, or change what is printed. */
const FOREIGN = [
  'STARLING_URL',
  'STARLING_KEY',
  'STARLING_RESOURCE',
  'STARLING_CLUSTER',
  'NO_COLOR',
  'STARLING_SSH_KEY',
];

export function environment(starling: Starling | undefined, extra: Scene['env'] = {}): NodeJS.ProcessEnv {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.includes(name)));
  return { ...own, ...(starling ? { STARLING_STATE_DIR: starling.stateDir } : {}), ...extra };
}

/** A command line that has been started, with what it wrote so far. */
export interface Running {
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<Ended>;
  write(text: string): void;
  signal(name: NodeJS.Signals): void;
}

/** The built command line as a process of its own, without a terminal. */
export function startCli(starling: Starling | undefined, args: string[], scene: Scene = {}): Running {
  return startProcess([process.execPath, CLI, ...args], starling, scene);
}

export const runCli = (starling: Starling | undefined, args: string[], scene: Scene = {}): Promise<Ended> =>
  startCli(starling, args, scene).ended;

export function startProcess(
  [program = '', ...args]: string[],
  starling?: Starling,
  { cwd, env, isGroup }: Scene = {},
): Running {
  const child = spawn(program, args, { cwd, env: environment(starling, env), stdio: 'pipe', detached: isGroup });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text: string) => (output[stream] += text));
  }
  child.stdin.on('error', () => undefined); // it has ended before it read everything
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGINT' ? 130 : -1), ...output }));
  });
  return {
    output,
    ended,
    write: (text) => void child.stdin.write(text),
    signal: (name) => void process.kill(isGroup ? -child.pid! : child.pid!, name),
  };
}

/** Whether `script` of util-linux is there, which gives a command a terminal. */
export const hasTerminal = spawnSync('script', ['--version']).status === 0;

/** The command line on a terminal of 80 columns; all of its output is in stdout. */
export function startOnTerminal(starling: Starling, args: string[], scene: Scene = {}): Running {
  const words = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(' ');
  const command = ['script', '-qec', `stty cols 80 rows 24; exec ${words}`, '/dev/null'];
  return startProcess(command, starling, { ...scene, env: { TERM: 'xterm-256color', ...scene.env } });
}

/** What a person sees of it: without colours and movements of the cursor, lines as they stand in the end. */
export const visible = (text: string): string[] =>
  text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, (code) => (/\[1?G$/.test(code) ? '\r' : '')).split(/\r?\n|\r/);
