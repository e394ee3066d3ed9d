import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { runNode } from './tool.mjs';

/**
 * True when node_modules holds what package-lock.json asks for. npm writes what it has installed to
 * node_modules/.package-lock.json as its last step, so versions are compared and no clock is trusted: after a git
 * checkout file times say nothing.
 */
export function installIsFresh(root) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const found = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !found) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    // Optional packages of other platforms are never there.
    if (!found[path]) return Boolean(entry.optional);
    return found[path].version === entry.version && existsSync(join(root, path, 'package.json'));
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined; // missing or cut off: not installed
  }
}

/**
 * `npm ci`: exactly the lock file, nothing else. Development packages are needed even under NODE_ENV=production.
 * `onStart` is told npm's process id before anything is changed.
 */
export async function install(root, onStart) {
  const startedAt = Date.now();
  const progress = showProgress(startedAt);
  let errors = '';
  const code = await runNode(
    [npmCli(), 'ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: root, stdio: ['ignore', 'ignore', 'pipe'], onStart, onError: (text) => (errors += text) },
  );
  progress.stop();
  // Either way the lock stays behind and tells the next run to install again.
  if (INTERRUPTED.includes(code)) process.exit(code);
  if (code === 0 && !installIsFresh(root))
    throw new Error('npm has installed something else than the lock file asks for.');
  if (code !== 0) throw new Error(`${errors}npm could not install the packages (exit code ${code}).`);
  console.error(`Installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`);
}

/** 128 plus SIGHUP, SIGINT, SIGKILL or SIGTERM. */
const INTERRUPTED = [129, 130, 137, 143];

function showProgress(startedAt) {
  const text = 'Installing packages (once, up to a minute)';
  if (!process.stderr.isTTY) {
    console.error(`${text} …`);
    return { stop() {} };
  }
  const draw = () => process.stderr.write(`\r${text} … ${Math.round((Date.now() - startedAt) / 1000)} s`);
  draw();
  const timer = setInterval(draw, 1000);
  return { stop: () => (clearInterval(timer), process.stderr.write('\r\x1b[K')) };
}

/** The npm that runs this script, else the one beside Node: both are started with this Node, without a shell. */
function npmCli() {
  const beside = dirname(process.execPath);
  const candidates = [
    process.env.npm_execpath,
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    ...(process.env.PATH ?? '')
      .split(process.platform === 'win32' ? ';' : ':')
      .map((folder) => join(folder, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')),
  ];
  const found = candidates.find((path) => path && basename(path) === 'npm-cli.js' && existsSync(path));
  if (!found) throw new Error('npm was not found. It comes with Node.js; run "npm ci" by hand, then try again.');
  return found;
}
