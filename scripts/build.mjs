// Bundles the app and its local Azure into dist/. Type checking is `npm run typecheck`; esbuild only strips types.
import { build as bundle } from 'esbuild';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { hashSources, writeBuildStamp } from './build-stamp.mjs';

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: true,
  logLevel: 'warning',
  outbase: '.',
  outdir: 'dist',
  write: false,
  loader: Object.fromEntries(
    ['.sh', '.pem', '.asc', '.html', '.service', '.conf', '.tpl', '.yaml'].map((ending) => [ending, 'text']),
  ),
};

// dockerode's ways that Starling never goes: Docker over SSH, and builds. Half of the bundle otherwise, and in part native.
const unused = Object.fromEntries(
  ['ssh2', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs'].map((name) => [name, './scripts/not-bundled.cjs']),
);
// What the app needs from the worker is resolved by the Functions host, never from node_modules.
const app = { entryPoints: ['functions/index.ts'], external: ['@azure/functions-core'], alias: unused };
// libsql holds a native binary and Azurite finds files beside itself, so neither can be bundled.
const local = {
  entryPoints: [
    'local/start.ts',
    'local/preload.ts',
    'local/azurite.ts',
    'local/host/main.ts',
    'local/host/worker/entry.ts',
    'local/vm/real/gateway.ts',
  ],
  external: ['@azure/functions-core', 'libsql', 'azurite', 'azurite/*'],
};
// Entra ID's sign-in is part of the bundle, but evaluated only by runs that need it.
const cli = { entryPoints: ['cli/main.ts', 'cli/tour.ts'] };

/** About two seconds. Call it under the setup lock (`prepare.mjs`). */
export async function build(root) {
  const sources = hashSources(root);
  const outputs = [];
  for (const part of [app, local, cli]) {
    const entryPoints = part.entryPoints.filter((file) => existsSync(join(root, file)));
    if (entryPoints.length === 0) continue;
    const { outputFiles } = await bundle({ ...common, ...part, entryPoints, absWorkingDir: root });
    for (const file of outputFiles) outputs.push(put(root, file));
  }
  removeOthers(root, outputs);
  writeBuildStamp(root, sources, outputs);
}

/** An app that runs from dist/ may start another process at any time: no file is ever missing or half written. */
function put(root, { path, contents }) {
  const unchanged = existsSync(path) && readFileSync(path).equals(Buffer.from(contents));
  if (!unchanged) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, contents);
    renameSync(`${path}.new`, path);
  }
  return relative(root, path);
}

function removeOthers(root, outputs) {
  const dist = join(root, 'dist');
  for (const entry of readdirSync(dist, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !entry.name.startsWith('.') && !outputs.includes(relative(root, path))) rmSync(path);
  }
}

// Not awaited here: prepare imports this module in turn.
if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  import('./prepare.mjs').then(({ prepare }) => prepare(dirname(dirname(fileURLToPath(import.meta.url))), 'build'));
}
