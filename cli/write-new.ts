import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { usage } from './failure';

/** Writes a file that is not there yet. What it holds may be the only copy of something, so it never overwrites. */
export function writeNew(cwd: string, file: string, { text, mode }: { text: string; mode: number }): void {
  const path = resolve(cwd, file);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode, flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw usage(`${file} exists already and stays as it is`, 'name another file, or remove it');
    throw usage(`${file} cannot be written (${code})`, 'check the path');
  }
}
