import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { MachineSpec } from '../machine';
import type { ControlGroups } from './cgroups';
import { execute, type Outcome } from './command';
import { macOf } from './disk';
import { GATEWAY_ADDRESS, NETWORK_BITS, type Fabric } from './fabric';
import nodeScript from './node.sh';

/** How a guest's life ended: `reboot` when it asked to be started again. */
export type Ending = 'off' | 'reboot';

/** A guest operating system that runs: one life, from power on to power off. */
export interface GuestSystem {
  /** Its first process, as this machine numbers it. */
  pid: number;
  /** The kernel's name for this life. */
  bootId: string;
  ended: Promise<Ending>;
  /** Presses the power button, or asks for a reboot; the guest takes its time, and may not listen yet. */
  ask(for_: 'poweroff' | 'reboot'): void;
  /** Runs a program inside. */
  execute(program: string[], input?: string): Promise<Outcome>;
  /** What a file of it says; undefined when there is none. */
  read(path: string): string | undefined;
}

export interface GuestSettings {
  spec: MachineSpec;
  /** Its disk. */
  folder: string;
  base: string;
  group: string;
  fabric: Fabric;
  cgroups: ControlGroups;
  /** Its network cable is not plugged in. */
  isCutOff: boolean;
}

const REBOOT_STATUS = 133; // of systemd-nspawn with --keep-unit
const BUTTONS = { poweroff: 34 + 4, reboot: 34 + 5 }; // SIGRTMIN+4 and +5: systemd(1), "Signals"
const POWER_ON_POLL_MS = 20;

/** Powers a machine on; resolves when its first process runs, rejects when it ends before. */
export async function startGuest(settings: GuestSettings): Promise<GuestSystem> {
  const { spec, folder, base, group, fabric, cgroups, isCutOff } = settings;
  const console_ = openSync(join(folder, 'console.log'), 'a', 0o600);
  const child = spawn('unshare', ['--mount', '--net', '--propagation', 'private', 'bash', '-c', nodeScript, 'node'], {
    stdio: ['ignore', console_, console_],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      NODE_DIR: folder,
      BASE: base,
      NODE_GROUPS: cgroups.make(group).join('\n'),
      NODE_NAME: spec.computerName,
      NODE_ADDRESS: `${spec.privateIp}/${NETWORK_BITS}`,
      NODE_MAC: macOf(spec.vmId),
      NODE_LINK: `v${randomBytes(5).toString('hex')}`, // the last life's may still be there
      CABLE: isCutOff ? 'down' : 'up',
      GATEWAY: GATEWAY_ADDRESS,
      FABRIC_PID: `${fabric.pid}`,
      UNIFIED: cgroups.isUnified ? '1' : '0',
    },
  });
  closeSync(console_);
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', () => resolve('off'));
    child.once('exit', (code) => resolve(code === REBOOT_STATUS ? 'reboot' : 'off'));
  });
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  for (;;) {
    const pid = firstProcess(child.pid ?? 0);
    if (pid !== undefined) return guestSystem(pid, ended);
    if (isOver()) throw new Error(`${spec.name} did not start: see ${join(folder, 'console.log')}`);
    await wait(POWER_ON_POLL_MS);
  }
}

function guestSystem(pid: number, ended: Promise<Ending>): GuestSystem {
  const read = (path: string): string | undefined => textOf(`/proc/${pid}/root${path}`);
  return {
    pid,
    ended,
    read,
    bootId: read('/proc/sys/kernel/random/boot_id')?.trim() ?? '',
    ask(for_) {
      try {
        process.kill(pid, BUTTONS[for_]);
      } catch {
        // it has just ended
      }
    },
    execute: (program, input) => execute('nsenter', [...enter(pid), ...program], { input }),
  };
}

/** All of a guest's namespaces and its root, with the environment that a service would have. */
const enter = (pid: number): string[] => [
  ...['--target', `${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd'],
  ...['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8'],
];

/** The child of systemd-nspawn that is process 1 of its own namespace, once it is systemd. Sample of a line: `NSpid:	30305	1`. */
function firstProcess(parent: number): number | undefined {
  const children = textOf(`/proc/${parent}/task/${parent}/children`)?.split(' ').filter(Boolean) ?? [];
  const first = children.find((pid) => /^Name:\tsystemd\n[^]*^NSpid:.*\t1$/m.test(textOf(`/proc/${pid}/status`) ?? ''));
  return first === undefined ? undefined : Number(first);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not there yet, or no longer
  }
}
