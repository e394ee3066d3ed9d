import cliProgress from 'cli-progress';
import { harmless } from './harmless';
import type { Terminal } from './terminal';

/** What of an operation is shown while it runs. */
export interface Step {
  id: string;
  verb: string;
  state: string;
  phase: string;
  progress: { done: number; total: number; unit: string };
}

/** One bar for each operation on a terminal; elsewhere a line when something changed, at most every few seconds. */
export interface Progress {
  show(step: Step): void;
  note(line: string): void;
  stop(): void;
}

export const createProgress = (terminal: Terminal, now: () => number): Progress =>
  terminal.canDraw ? bars() : lines(terminal, now);

/** The phase comes last: it is what may be cut off at the terminal's edge. */
const FORMAT = '{verb} {bar} {value}/{total} {unit} · {phase}';
const BAR_CHARACTERS = 20;

function bars(): Progress {
  const all = new cliProgress.MultiBar(
    {
      format: FORMAT,
      barsize: BAR_CHARACTERS,
      hideCursor: true,
      stream: process.stderr,
      linewrap: false,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  );
  const byId = new Map<string, cliProgress.SingleBar>();
  return {
    show({ id, progress: { done, total, unit }, ...step }) {
      const words = { verb: harmless(step.verb), phase: harmless(step.phase), unit: harmless(unit) };
      const bar = byId.get(id) ?? all.create(total, done, words);
      byId.set(id, bar);
      bar.setTotal(total);
      bar.update(done, words);
    },
    note: (line) => all.log(`${harmless(line)}\n`),
    stop: () => all.stop(),
  };
}

/** Often enough to see that it lives, rarely enough for a log. */
const LINE_EVERY_MS = 3000;

function lines(terminal: Terminal, now: () => number): Progress {
  const shown = new Map<string, { text: string; at: number }>();
  return {
    show({ id, verb, state, phase, progress: { done, total, unit } }) {
      const text = `${verb} ${done}/${total} ${unit} · ${phase}`;
      const last = shown.get(id);
      const isDue = !last || state !== 'running' || now() - last.at >= LINE_EVERY_MS;
      if (!isDue || last?.text === text) return;
      shown.set(id, { text, at: now() });
      terminal.note(text);
    },
    note: (line) => terminal.note(line),
    stop: () => undefined,
  };
}
