import { harmless } from './harmless';

/** What a command writes to and asks on. Answers go to stdout; everything else goes to stderr. */
export interface Terminal {
  /** One line of the answer. */
  print(line: string): void;
  /** One line about what is going on. */
  note(line: string): void;
  /** Lines over those of the last call; only on a terminal. */
  draw(lines: string[]): void;
  /** Columns of stdout; undefined when it is no terminal and lines may be as long as they like. */
  readonly width: number | undefined;
  readonly colours: boolean;
  /** Whether somebody is there to be asked. */
  readonly canAsk: boolean;
  /** Whether stderr can be drawn on again and again. */
  readonly canDraw: boolean;
}

const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_REST = '\u001b[J';

/** Terminals that do not tell their size. */
const USUAL_WIDTH = 80;

export function createTerminal(env: Record<string, string | undefined>): Terminal {
  const { stdin, stdout, stderr } = process;
  const isDumb = env['TERM'] === 'dumb';
  return {
    print: (line) => void stdout.write(`${harmless(line)}\n`),
    note: (line) => void stderr.write(`${harmless(line)}\n`),
    draw: (lines) =>
      void stdout.write(`${HOME}${lines.map((line) => harmless(line) + CLEAR_LINE).join('\n')}${CLEAR_REST}\n`),
    get width() {
      return stdout.isTTY ? stdout.columns || USUAL_WIDTH : undefined;
    },
    colours: Boolean(stdout.isTTY) && !env['NO_COLOR'] && !isDumb,
    canAsk: Boolean(stdin.isTTY && stderr.isTTY),
    canDraw: Boolean(stderr.isTTY) && !isDumb,
  };
}
