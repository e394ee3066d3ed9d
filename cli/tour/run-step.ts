import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Step } from './steps';

interface Scene {
  step: Step;
  env: NodeJS.ProcessEnv;
  /** Where files of the tour go. */
  folder: string;
  hasMake: boolean;
  home: string;
  say(line: string): void;
}

/** Runs one step with its output on this terminal; resolves to its exit code. */
export function runStep({ step, env, folder, hasMake, home, say }: Scene): number {
  const program = join(home, 'dist/cli/main.js');
  const cluster = step.isAnywhere ? [] : ['--cluster', env['CLUSTER'] ?? ''];
  const [command = '', ...args] = hasMake
    ? [
        'make',
        '-s',
        '-f',
        join(home, 'Makefile'),
        step.target,
        'YES=1',
        `STARLING=${shell([process.execPath, program])}`,
      ]
    : [process.execPath, program, ...step.starling, ...cluster];
  say(hasMake ? `    $ make ${step.target}` : `    $ starling ${[...step.starling, ...cluster].join(' ')}`);
  const { status, signal, error } = spawnSync(command, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) say(`    ${error.message}`);
  return status ?? (signal === 'SIGINT' ? 130 : 1);
}

/** Paths may have blanks. */
const shell = (words: string[]): string => words.map((word) => `'${word}'`).join(' ');
