import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { execute } from './command';
import { shortHash } from './places';

export interface RootFileSystemOptions {
  cacheDir: string;
  say: (line: string) => void;
  /** For the month in the name: packages are renewed by then. */
  now: Date;
}

/** As many of a cloud image's packages as nodes notice, and the container engine that a golden image would have. */
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'cloud-init',
  'docker.io',
  'curl',
  'openssl',
  'openssh-server',
  'iproute2',
  'iptables',
  'nftables',
  'ca-certificates',
  'netbase',
  'procps',
  'locales', // else cloud-init's locale module fails
  'kmod',
  'busybox-static', // from which tests make an image without any registry
];

/** Timers that would look for the internet, and a login on the console. */
const MASKED = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
  'console-getty.service',
];

/** What the image says about the cloud that it runs in. The network is there before the machine starts; one host key is made fast. */
const CLOUD_CONFIG = `datasource_list: [NoCloud, None]
network: {config: disabled}
locale: C.UTF-8
ssh_genkeytypes: [ed25519]
`;

/** systemd-nspawn hands the controllers of v1 to a machine read-only, which a container engine cannot use. */
const CONTROLLERS_UNIT = `[Unit]
Description=Make control groups writable, as in a VM
DefaultDependencies=no
Before=basic.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for mount in /sys/fs/cgroup/*/; do if mountpoint -q "$$mount"; then mount -o remount,rw,bind "$$mount"; fi; done'

[Install]
WantedBy=basic.target
`;

const RECIPE = [PACKAGES, MASKED, CLOUD_CONFIG, CONTROLLERS_UNIT].map(String).join('\n');

/** The folder with the root file system of all nodes; built once from this machine's own archive, which takes about a minute. */
export async function rootFileSystem({ cacheDir, say, now }: RootFileSystemOptions): Promise<string> {
  const suite = suiteOf(readFileSync('/etc/os-release', 'utf8'));
  const month = now.toISOString().slice(0, 7);
  const folder = join(cacheDir, `${suite}-${month}-${shortHash(RECIPE)}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  const root = join(unfinished, 'root');
  mkdirSync(unfinished, { recursive: true });
  removeInterrupted(cacheDir);
  try {
    say(`Building the root file system of nodes from Debian packages, once: about a minute, 0.5 GB in ${cacheDir}`);
    await bootstrap(suite, root, say);
    finish(root);
    putInPlace(root, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Sample of a name: `bookworm-2026-11-9733d4fd.22385`, of which the last number is the builder's. */
function removeInterrupted(cacheDir: string): void {
  for (const name of readdirSync(cacheDir)) {
    const builder = /^\w+-\d{4}-\d\d-\w+\.(\d+)$/.exec(name)?.[1];
    if (builder && !existsSync(`/proc/${builder}`)) rmSync(join(cacheDir, name), { recursive: true, force: true });
  }
}

/** Sample: `VERSION_CODENAME=bookworm`. */
export function suiteOf(osRelease: string): string {
  const name = /^VERSION_CODENAME="?(\w+)"?$/m.exec(osRelease)?.[1];
  if (name === undefined)
    throw new Error('/etc/os-release names no VERSION_CODENAME: real nodes need Debian or Ubuntu');
  return name;
}

/** Its processes and mounts end with it, and it ends with us: a build that is interrupted leaves a folder, and nothing else. */
const CONFINED = [
  ...['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private'],
  ...['--pid', '--fork', '--kill-child', '--mount-proc'],
];

async function bootstrap(suite: string, folder: string, say: (line: string) => void): Promise<void> {
  const left = ['man', 'doc', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const args = [
    '--mode=root',
    '--variant=apt',
    '--dpkgopt=force-unsafe-io',
    ...left,
    '--aptopt=APT::Install-Recommends "false"',
  ];
  const { code, stderr } = await execute(
    'setpriv',
    [
      ...CONFINED,
      'mmdebstrap',
      ...args,
      `--include=${PACKAGES.join(',')}`,
      suite,
      folder,
      ...(await archivesOf(suite)),
    ],
    { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', TMPDIR: dirname(folder) }, onLine: shown(say) },
  );
  if (code === 0) return;
  throw new Error(`mmdebstrap could not build the root file system:\n${stderr.split('\n').slice(-15).join('\n')}`);
}

/** Sample of a line: `I: installing remaining packages inside the chroot...`. */
const shown =
  (say: (line: string) => void) =>
  (line: string): void => {
    if (/^I: (running|installing|extracting|downloading)/.test(line)) say(`  ${line.slice(3)}`);
  };

/** Where this machine itself gets its packages from, security updates included. Sample: `deb <site> bookworm main`. */
async function archivesOf(suite: string): Promise<string[]> {
  const format = '$(SITE) $(RELEASE) $(COMPONENT)';
  const { stdout } = await execute('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const lines = stdout.split('\n').filter((line) => line.split(' ')[1]?.split('-')[0] === suite);
  if (lines.length === 0)
    throw new Error(`the package sources of this machine have no ${suite}: run apt-get update, or add them`);
  return [...new Set(lines)].map((line) => `deb ${line}`);
}

function finish(folder: string): void {
  for (const name of ['etc/hostname', 'etc/resolv.conf', 'var/lib/dbus/machine-id'])
    rmSync(join(folder, name), { force: true });
  const units = join(folder, 'etc/systemd/system');
  for (const name of MASKED) symlinkSync('/dev/null', join(units, name));
  writeFileSync(join(folder, 'etc/machine-id'), '');
  writeFileSync(join(folder, 'etc/cloud/cloud.cfg.d/99-starling.cfg'), CLOUD_CONFIG);
  writeFileSync(join(units, 'writable-controllers.service'), CONTROLLERS_UNIT);
  mkdirSync(join(units, 'basic.target.wants'), { recursive: true });
  symlinkSync('../writable-controllers.service', join(units, 'basic.target.wants/writable-controllers.service'));
}

/** Another run may have been faster. */
function putInPlace(root: string, folder: string): void {
  try {
    renameSync(root, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}
