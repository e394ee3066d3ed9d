import { buildSync } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

/** The folder of the sample app. */
export const SAMPLE_APP = __dirname;

/** Bundles the worker's child entry as the build does, into a cache named after its content; returns its path. */
export function buildWorkerEntry(): string {
  return bundle('local/host/worker/entry.ts', 'worker-entry');
}

/** Bundles any entry for a child process of a test. */
export function bundle(entry: string, name: string): string {
  const options = { bundle: true, platform: 'node', target: 'node20', format: 'cjs', write: false } as const;
  const built = buildSync({
    ...options,
    entryPoints: [join(ROOT, entry)],
    external: ['@azure/functions-core', 'libsql'],
  });
  const code = built.outputFiles[0]!.contents;
  const folder = join(ROOT, 'node_modules/.cache/starling-tests');
  const file = join(folder, `${name}-${createHash('sha256').update(code).digest('hex').slice(0, 16)}.js`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${file}.${process.pid}`, code); // Jest's workers may build at the same time: whole files only
  renameSync(`${file}.${process.pid}`, file);
  return file;
}
