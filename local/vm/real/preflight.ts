import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { controlGroups } from './cgroups';

/** Programs that real nodes need on this machine, and Debian's package that has each. */
const PACKAGES: Record<string, string> = {
  'systemd-nspawn': 'systemd-container',
  mmdebstrap: 'mmdebstrap',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  bash: 'bash',
  'apt-get': 'apt',
};

/** What keeps this machine from running real nodes, each with what to do; empty when nothing does. `stateDir` will hold their disks. */
export function missingForRealNodes(stateDir: string): string[] {
  if (process.platform !== 'linux') return ['Real nodes need Linux: leave --real-nodes out, or use a Linux machine.'];
  if (process.getuid?.() !== 0)
    return [
      'Real nodes need root, for namespaces, mounts and control groups: run it with sudo, or leave --real-nodes out.',
    ];
  const packages = missingPackages();
  if (packages.length > 0)
    return [`Packages are missing. Install them: apt-get install --no-install-recommends ${packages.join(' ')}`];
  return [...namespaces(), ...groups(), ...overlay(stateDir)];
}

function missingPackages(): string[] {
  const folders = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  const isThere = (program: string): boolean => folders.some((folder) => existsSync(join(folder, program)));
  const missing = Object.entries(PACKAGES).filter(([program]) => !isThere(program));
  return [...new Set(missing.map(([, name]) => name))];
}

const namespaces = (): string[] =>
  succeeds('unshare', ['--mount', '--net', '--pid', '--fork', 'true'])
    ? []
    : ['Namespaces cannot be made here: run it outside of containers, or in a privileged one.'];

function groups(): string[] {
  const probe = `starling-probe-${process.pid}`;
  const cgroups = controlGroups();
  try {
    if (cgroups.make(probe).length === 0) return ['No control groups are mounted: mount cgroup v2 at /sys/fs/cgroup.'];
    return [];
  } catch (error) {
    return [
      `Control groups cannot be made here (${String(error)}): run it outside of containers, or in a privileged one.`,
    ];
  } finally {
    cgroups.remove(probe);
  }
}

/** The probe's mount is in a namespace of its own, which takes it along. */
function overlay(stateDir: string): string[] {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const probe = mkdtempSync(join(stateDir, 'probe-'));
  try {
    for (const name of ['lower', 'upper', 'work', 'root']) mkdirSync(join(probe, name));
    const options = `lowerdir=${probe}/lower,upperdir=${probe}/upper,workdir=${probe}/work`;
    if (succeeds('unshare', ['--mount', 'mount', '-t', 'overlay', 'probe', '-o', options, `${probe}/root`])) return [];
    return [`${stateDir} cannot hold disks of nodes: choose a folder on ext4 or xfs with STARLING_STATE_DIR.`];
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function succeeds(program: string, args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
