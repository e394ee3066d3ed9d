import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where the bundled child entry lies, seen from each bundle that contains this file. */
const PLACES = ['entry.js', 'worker/entry.js', 'host/worker/entry.js'];

export function defaultEntryFile(): string {
  const chosen = process.env.STARLING_WORKER_ENTRY;
  if (chosen) return chosen;
  const found = PLACES.map((place) => join(__dirname, place)).find((file) => existsSync(file));
  if (!found)
    throw new Error(`No built worker entry beside ${__dirname}: run the build, or set STARLING_WORKER_ENTRY to it.`);
  return found;
}
