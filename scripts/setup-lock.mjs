import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const HEARTBEAT_MS = 2_000;
// The dead are known by their process ids. This is for the id that another program has by now; longer than any install.
const SILENT_MS = 900_000;
const LOOK_AGAIN_MS = 200;
const INSTALLING = 'installing';

const lockFile = (root) => join(root, 'dist', '.setup-lock');

/** True while somebody sets up, or died while doing so. */
export const setupIsUnfinished = (root) => ageMs(lockFile(root)) !== undefined;

/**
 * Runs `setup({ halfInstalled, installing, installed })` while no other process of this folder does. `halfInstalled` tells
 * that a predecessor died after it had called `installing(pidOfNpm)`. When `setup` throws, the lock stays for the next run
 * to judge. The lock is free once its holder and its npm are dead: an orphaned npm goes on, and undoes its work when killed.
 */
export async function withSetupLock(root, setup) {
  const file = lockFile(root);
  const { halfInstalled } = await acquire(file);
  const write = (stage) => writeFileSync(file, `${process.pid} ${stage}`);
  if (halfInstalled) write(INSTALLING); // still true until somebody has installed
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS);
  try {
    await setup({
      halfInstalled,
      installing: (npmPid) => write(`${INSTALLING} ${npmPid}`),
      installed: () => write('building'),
    });
    rmSync(file, { force: true });
  } finally {
    clearInterval(heartbeat);
  }
}

async function acquire(file) {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; ; told = true) {
    if (createExclusively(file)) return { halfInstalled: false };
    const stage = takeOverDead(file);
    if (stage !== undefined) return { halfInstalled: stage === INSTALLING };
    if (!told) console.error('Waiting for another process that installs or builds here …');
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** Makes a dead holder's lock ours and returns its stage. Two heirs are kept apart by a second file. */
function takeOverDead(file) {
  if (!isDead(file)) return undefined;
  const permit = `${file}-heir`;
  if (!createExclusively(permit)) {
    if (isDead(permit)) rmSync(permit, { force: true });
    return undefined;
  }
  try {
    if (!isDead(file)) return undefined; // another heir was faster
    const { stage } = readHolder(file);
    writeFileSync(file, `${process.pid} ${stage}`);
    return stage;
  } finally {
    rmSync(permit, { force: true });
  }
}

function createExclusively(file) {
  try {
    writeFileSync(file, `${process.pid} starting`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isDead(file) {
  const age = ageMs(file);
  if (age === undefined) return false;
  if (age > SILENT_MS) return true;
  const { pids } = readHolder(file);
  return pids.length > 0 && !pids.some(isAlive); // no pid: it is being written
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readHolder(file) {
  try {
    const [pid, stage = '', npmPid] = readFileSync(file, 'utf8').split(' ');
    return { pids: [pid, npmPid].map(Number).filter((id) => id > 0), stage };
  } catch {
    return { pids: [], stage: '' }; // removed meanwhile
  }
}

function ageMs(file) {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return undefined; // not there
  }
}

function touch(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // Somebody removed dist/: the setup goes on, and the next run looks again.
  }
}
