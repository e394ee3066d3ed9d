import { InvalidArgumentError, Option, type Command } from 'commander';

/** A verb that only looks. */
export const reading = (command: Command): Command =>
  command
    .option('-c, --cluster <name>', 'the cluster; else STARLING_CLUSTER, else the only one there is')
    .option('--json', 'print the JSON that the API answers, and nothing else');

/** A verb that changes something. */
export const changing = (command: Command): Command =>
  reading(command)
    .option('--what-if', 'say what it would do, and do nothing')
    .option('--no-wait', 'do not wait until it is done; print the operation');

/** A verb that deletes something. */
export const deleting = (command: Command): Command =>
  changing(command).option('-y, --yes', 'do not ask before something is deleted');

export const choice = (flags: string, description: string, choices: readonly string[]): Option =>
  new Option(flags, description).choices(choices);

export function integer(text: string): number {
  if (/^-?\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

export function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}

/** `--from a --from b` and `--from a,b` mean the same. */
export const list = (text: string, before: string[] = []): string[] => [
  ...before,
  ...text.split(',').map((part) => part.trim()),
];

export const LIMIT = ['--limit <n>', 'at most so many', integer] as const;
