// Installs and builds, each only when needed, and one process at a time.
import { buildIsFresh } from './build-stamp.mjs';
import { install, installIsFresh } from './install.mjs';
import { setupIsUnfinished, withSetupLock } from './setup-lock.mjs';

/**
 * Makes `needs` true: 'install', 'build' (which includes it), or 'bundle', a build of what runs without node_modules.
 * Harmless to repeat, and to run from several processes at once.
 */
export async function prepare(root, needs) {
  if (isReady(root, needs)) return;
  await withSetupLock(root, async ({ halfInstalled, installing, installed }) => {
    // What died inside `npm ci` may have left half a node_modules that looks whole.
    if (halfInstalled || !installIsFresh(root)) {
      await install(root, installing);
      installed();
    }
    if (needs !== 'install' && !buildIsFresh(root)) {
      const { build } = await import('./build.mjs'); // needs esbuild, hence not before the install
      await build(root);
    }
  });
}

/** The quick look of every later run, without a lock. */
function isReady(root, needs) {
  if (needs === 'bundle') return buildIsFresh(root); // comparing a thousand packages takes longer than most commands
  return !setupIsUnfinished(root) && installIsFresh(root) && (needs === 'install' || buildIsFresh(root));
}
