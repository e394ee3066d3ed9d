// Bundles the app and its local Azure into dist/. Type checking is `npm run typecheck`; esbuild only strips types.
import { build } from 'esbuild';
import { existsSync, rmSync } from 'node:fs';

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: true,
  logLevel: 'warning',
  outbase: '.',
  outdir: 'dist',
  loader: { '.sh': 'text', '.pem': 'text', '.html': 'text', '.service': 'text', '.tpl': 'text', '.yaml': 'text' },
};

// What the app needs from the worker is resolved by the Functions host, never from node_modules.
const app = { entryPoints: ['functions/index.ts'], external: ['@azure/functions-core'] };
// libsql holds a native binary and Azurite finds files beside itself, so neither can be bundled.
const local = {
  entryPoints: ['local/start.ts', 'local/preload.ts', 'local/azurite.ts', 'local/host/main.ts', 'local/host/worker/entry.ts'],
  external: ['@azure/functions-core', 'libsql', 'azurite', 'azurite/*'],
};

rmSync('dist', { recursive: true, force: true });
for (const part of [app, local]) {
  const entryPoints = part.entryPoints.filter((file) => existsSync(file));
  if (entryPoints.length > 0) await build({ ...common, ...part, entryPoints });
}
