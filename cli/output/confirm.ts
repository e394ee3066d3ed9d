import { createInterface } from 'node:readline/promises';
import { EXIT } from '../exit-codes';
import { Failure, usage } from '../failure';
import { harmless } from './harmless';
import type { Terminal } from './terminal';

/** Goes on only when the person types the cluster's name. `what` says what would be lost. */
export async function confirmByName(terminal: Terminal, cluster: string, what: string[]): Promise<void> {
  requireSomebody(terminal);
  for (const line of what) terminal.note(`  ${line}`);
  const answer = await ask(`This cannot be undone. Type ${cluster} to go on: `);
  if (answer !== cluster) throw declined();
}

/** Goes on only after y or yes. */
export async function confirm(terminal: Terminal, what: string[]): Promise<void> {
  requireSomebody(terminal);
  for (const line of what) terminal.note(`  ${line}`);
  if (!/^y(es)?$/i.test(await ask('Go on? [y/N] '))) throw declined();
}

function requireSomebody(terminal: Terminal): void {
  if (terminal.canAsk) return;
  throw usage(
    'this deletes something, and there is no terminal to ask on',
    'repeat it with --yes; --what-if shows what it would do',
  );
}

const declined = (): Failure =>
  new Failure('NOT_CONFIRMED', 'nothing was done', 'repeat it when you mean it', EXIT.usage);

async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new AbortController();
  reader.on('SIGINT', () => interrupted.abort());
  reader.on('close', () => interrupted.abort()); // Ctrl-D
  try {
    return (await reader.question(harmless(question), { signal: interrupted.signal })).trim();
  } catch {
    process.stderr.write('\n');
    throw new Failure('INTERRUPTED', 'nothing was done', 'repeat it when you mean it', EXIT.interrupted);
  } finally {
    reader.removeAllListeners('close');
    reader.close();
  }
}
