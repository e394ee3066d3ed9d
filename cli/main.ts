import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import tab from '@bomb.sh/tab/commander';
import { CommanderError, type Command } from 'commander';
import { createClient, type Client } from './client';
import { findStarling } from './connection';
import { EXIT, type ExitCode } from './exit-codes';
import { Failure } from './failure';
import { createTerminal, type Terminal } from './output/terminal';
import { createProgram } from './program';
import type { Session } from './session';

/** `starling …`: one command, then the process ends with a code of exit-codes.ts. */

// dist/cli/main.js → the clone
const HOME = join(__dirname, '..', '..');

const version = (): string =>
  (JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8')) as { version: string }).version;

async function main(args: string[]): Promise<void> {
  const { env } = process;
  const terminal = createTerminal(env);
  endQuietlyWhenNobodyReads();
  try {
    const program = createProgram(createSession(terminal), version());
    tab(program, { completionCommandName: 'completion' });
    helpBash(program, terminal);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = explain(terminal, error, args);
  }
}

/** Its script calls the package bash-completion, which many machines lack; this is all that it needs of it. */
const BASH_COMPLETION = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
        cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
    }
fi`;

function helpBash(program: Command, terminal: Terminal): void {
  const completion = program.commands.find((command) => command.name() === 'completion');
  completion?.hook('preAction', ({ args: [shell] }) => {
    if (shell === 'bash') terminal.print(BASH_COMPLETION);
  });
}

function createSession(terminal: Terminal): Session {
  const { env } = process;
  const cwd = process.cwd();
  const heedInterrupt = interruptOnce();
  let client: Client | undefined;
  return {
    client: () => (client ??= createClient(findStarling(env, cwd, HOME))),
    terminal,
    env,
    cwd,
    get interrupted() {
      return heedInterrupt();
    },
    sleep: (milliseconds) => pause(milliseconds, heedInterrupt()),
    now: () => Date.now(),
  };
}

/** From the first call on Ctrl-C only aborts the signal; a second one ends the process. Before, it ends at once. */
function interruptOnce(): () => AbortSignal {
  const interrupt = new AbortController();
  let isHeeded = false;
  return () => {
    if (!isHeeded)
      process.on('SIGINT', () => (interrupt.signal.aborted ? process.exit(EXIT.interrupted) : interrupt.abort()));
    isHeeded = true;
    return interrupt.signal;
  };
}

function pause(milliseconds: number, interrupted: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (interrupted.aborted) return resolve();
    const end = (): void => {
      interrupted.removeEventListener('abort', end);
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    interrupted.addEventListener('abort', end);
  });
}

/** Prints what went wrong: code, what happened, what to do next. */
function explain(terminal: Terminal, error: unknown, args: string[]): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage; // it has spoken already
  if (!(error instanceof Failure)) {
    terminal.note(
      `BUG: ${error instanceof Error ? (process.env['STARLING_DEBUG'] ? error.stack : error.message) : String(error)}`,
    );
    terminal.note('next: report it, with what STARLING_DEBUG=1 shows');
    return EXIT.failed;
  }
  if (error.answer !== undefined && wantsJson(args)) terminal.print(JSON.stringify(error.answer, null, 2));
  terminal.note(`${error.code}: ${error.message}`);
  terminal.note(`next: ${error.next}`);
  return error.exitCode;
}

const wantsJson = (args: string[]): boolean => args.slice(0, endOfOptions(args)).includes('--json');

function endOfOptions(args: string[]): number {
  const at = args.indexOf('--');
  return at < 0 ? args.length : at;
}

/** `starling events | head` is no failure. */
function endQuietlyWhenNobodyReads(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
}

void main(process.argv.slice(2));
