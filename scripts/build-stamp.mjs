import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Everything that ends up in a bundle, or decides how it is made. */
const SOURCES = [
  'functions',
  'orchestrations',
  'shared',
  'cloud-init',
  'infra',
  'local',
  'cli',
  'web',
  'scripts',
  'package-lock.json',
  'tsconfig.json',
];

const stampFile = (root) => join(root, 'dist', '.build-stamp.json');

/** True when dist/ was built from exactly these sources. Contents are compared: file times say nothing after a checkout. */
export function buildIsFresh(root) {
  try {
    const { sources, outputs } = JSON.parse(readFileSync(stampFile(root), 'utf8'));
    return outputs.every((file) => existsSync(join(root, file))) && sources === hashSources(root);
  } catch {
    return false; // no stamp, or one cut off
  }
}

/** Written last, so that a build that died is none. `sources` was taken before the build began. */
export function writeBuildStamp(root, sources, outputs) {
  mkdirSync(dirname(stampFile(root)), { recursive: true });
  writeFileSync(stampFile(root), JSON.stringify({ sources, outputs }, null, 2));
}

/** A few hundred files: some 30 ms. */
export function hashSources(root) {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap((path) => listFiles(root, path)).sort()) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function listFiles(root, path) {
  if (!existsSync(join(root, path))) return [];
  if (/\.[a-z]+$/.test(path)) return [path];
  return readdirSync(join(root, path), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}
