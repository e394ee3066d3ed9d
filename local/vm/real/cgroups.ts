import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Control groups of the kernel, in every hierarchy that is mounted: one with v2 alone, a dozen with v1. */
export interface ControlGroups {
  /** Whether there is nothing but v2. */
  isUnified: boolean;
  /** Makes the group, and those above it; returns its folders, each of which a process must join. */
  make(group: string): string[];
  /** Ends all processes of the group and of those below, frozen ones too; resolves when none is left. */
  kill(group: string): Promise<void>;
  freeze(group: string): void;
  /** Takes this process out of every group, so that the one that it was in can go. */
  leave(): void;
  /** Removes the group and those below, which must be empty; what is not there is fine. */
  remove(group: string): void;
}

const KILL_DEADLINE_MS = 10_000; // SIGKILL takes effect at once, but for what hangs in the kernel
const KILL_POLL_MS = 20;

export function controlGroups(): ControlGroups {
  const mounts = mountedHierarchies();
  const all = mounts.map(({ path }) => path);
  const v2 = mounts.find(({ type }) => type === 'cgroup2')?.path;
  const isUnified = mounts.length === 1 && v2 !== undefined;
  const processes = (group: string): Set<number> =>
    new Set(all.flatMap((root) => foldersBelow(join(root, group)).flatMap(processesIn)));

  const setFrozen = (group: string, frozen: boolean): void => {
    const freezer = all.map((root) => join(root, group, 'freezer.state')).find(existsSync);
    const modern = v2 && join(v2, group, 'cgroup.freeze');
    if (modern && existsSync(modern)) writeFileSync(modern, frozen ? '1' : '0');
    else if (freezer) writeFileSync(freezer, frozen ? 'FROZEN' : 'THAWED');
  };

  return {
    isUnified,
    make(group) {
      const folders = all.map((root) => join(root, group));
      for (const [index, folder] of folders.entries()) makeFolder(folder, all[index] ?? '');
      return folders;
    },
    async kill(group) {
      const killSwitch = v2 && join(v2, group, 'cgroup.kill');
      const deadline = performance.now() + KILL_DEADLINE_MS;
      for (let left = processes(group); left.size > 0; left = processes(group)) {
        if (performance.now() > deadline) throw new Error(`processes ${[...left].join(', ')} do not end`);
        if (killSwitch && existsSync(killSwitch)) writeFileSync(killSwitch, '1');
        left.forEach(killOne);
        setFrozen(group, false); // v1 lets frozen processes die only when they thaw
        await wait(KILL_POLL_MS);
      }
    },
    freeze: (group) => setFrozen(group, true),
    leave() {
      for (const root of all) writeFileSync(join(root, 'cgroup.procs'), `${process.pid}`);
    },
    remove(group) {
      for (const root of all) for (const folder of foldersBelow(join(root, group)).reverse()) removeFolder(folder);
    },
  };
}

/** Sample of a line: `cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0`. */
function mountedHierarchies(): { type: string; path: string }[] {
  const lines = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : [];
  return lines.flatMap((line) => {
    const [, path = '', type = ''] = line.split(' ');
    return type === 'cgroup' || type === 'cgroup2' ? [{ type, path }] : [];
  });
}

/** v1 lets nobody into a cpuset that names no processors; v2 has controllers in a group only where the one above says so. */
function makeFolder(folder: string, root: string): void {
  if (folder === root || existsSync(folder)) return;
  const above = dirname(folder);
  makeFolder(above, root);
  passControllersOn(above);
  mkdirSync(folder);
  for (const name of ['cpuset.cpus', 'cpuset.mems'])
    if (existsSync(join(folder, name)) && !existsSync(join(folder, 'cgroup.controllers')))
      writeFileSync(join(folder, name), readFileSync(join(above, name)));
}

function passControllersOn(folder: string): void {
  const available = join(folder, 'cgroup.controllers');
  if (!existsSync(available)) return;
  for (const name of readFileSync(available, 'utf8').split(/\s+/).filter(Boolean)) {
    try {
      writeFileSync(join(folder, 'cgroup.subtree_control'), `+${name}`);
    } catch {
      // held by a v1 hierarchy, or by processes in this very group: nodes then do without this controller
    }
  }
}

function foldersBelow(folder: string): string[] {
  try {
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [folder, ...below.flatMap(({ name }) => foldersBelow(join(folder, name)))];
  } catch {
    return []; // not there, or no longer
  }
}

function processesIn(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return []; // removed meanwhile
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ended meanwhile
  }
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
