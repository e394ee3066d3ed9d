import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { spawn } from 'node:child_process';
import { EXIT } from './exit-codes';
import { Failure, usage } from './failure';
import type { Engine } from '../shared/model/cluster';
import type { Session } from './session';

/** The administrator that clusters are deployed with; a test compares it with the template. */
export const ADMIN_USER = 'starling';

/** Where a cluster's SSH is, and which known hosts are its own. */
export interface SshTarget {
  /** master0: the only door. */
  gateway: string;
  engine: Engine;
  port: number;
  identity: string;
  knownHosts: string;
}

const NAME = /^[a-z0-9][a-z0-9.-]*$/i;
const KEY_FILE = 'keys/cluster.pem';

/** Throws when the cluster has no door for SSH. */
export async function sshTarget(session: Session, c: string, identity?: string): Promise<SshTarget> {
  const { body: cluster } = await session.client().call('getCluster', { params: { c } });
  const { ssh } = cluster.spec;
  if (!ssh)
    throw usage(
      `${c} was deployed without SSH, and machines get keys only when they are made`,
      'deploy one with SSH: starling up -c ANOTHER --ssh-key keys/cluster.pub --ssh-from YOUR.ADDRESS/32',
    );
  const gateway = cluster.endpoints.find(({ name }) => name === 'master0')?.fqdn;
  // A name becomes words for ssh and for a shell, and a path: nothing but a name may.
  if (![c, gateway ?? c].every((name) => NAME.test(name)))
    throw new Failure(
      'NOT_STARLING',
      `${c} has a name or an address that none may have`,
      'check STARLING_URL',
      EXIT.failed,
    );
  if (!gateway)
    throw new Failure(
      'CLUSTER_NOT_READY',
      `${c} has no address yet`,
      'starling watch shows how far it is',
      EXIT.unavailable,
    );
  const key = resolve(session.cwd, identity ?? session.env['STARLING_SSH_KEY'] ?? KEY_FILE);
  return {
    gateway,
    engine: cluster.spec.engine,
    port: Number(ssh.port),
    identity: key,
    knownHosts: knownHosts(session, `${c}-${Date.parse(cluster.createdAt)}`),
  };
}

/** One file for each life of a cluster: one of the same name deployed anew has other host keys, and rightly so. */
function knownHosts({ env }: Session, life: string): string {
  const folder = env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state');
  return join(folder, 'starling', 'known_hosts', life);
}

/**
 * No agent and no display go to machines that run other people's pods; the first host key seen is the only one taken.
 * The quotes are for ssh, which takes a blank for the beginning of another file.
 */
export const safeOptions = ({ port, identity, knownHosts }: SshTarget): string[] => [
  ...['-p', `${port}`, '-i', identity],
  ...['-o', 'IdentitiesOnly=yes', '-o', 'ForwardAgent=no', '-o', 'ForwardX11=no'],
  ...['-o', 'StrictHostKeyChecking=accept-new', '-o', `UserKnownHostsFile="${knownHosts}"`],
];

/** To master0, or through it to the address of another node. */
export function sshCommand(target: SshTarget, address?: string, command: string[] = []): string[] {
  const options = safeOptions(target);
  const gateway = `${ADMIN_USER}@${target.gateway}`;
  if (!address) return ['ssh', ...options, gateway, ...command];
  const through = ['ssh', ...options, '-W', '%h:%p', gateway].map(quoted).join(' ');
  return ['ssh', ...options, '-o', `ProxyCommand=${through}`, `${ADMIN_USER}@${address}`, ...command];
}

export interface Doors {
  /** Local port of a SOCKS proxy that reaches what master0 reaches. */
  socks: number;
  /** `local:host:port` each. */
  forward: string[];
}

/** Stays in the foreground and runs nothing on the master; ends when a door cannot be opened. */
export function proxyCommand(target: SshTarget, { socks, forward }: Doors): string[] {
  const doors = [...['-D', `127.0.0.1:${socks}`], ...forward.flatMap((each) => ['-L', `127.0.0.1:${each}`])];
  const options = [...safeOptions(target), '-o', 'ExitOnForwardFailure=yes', '-o', 'ServerAliveInterval=30', '-N'];
  return ['ssh', ...options, ...doors, `${ADMIN_USER}@${target.gateway}`];
}

/** As a person would type it. */
export const shown = (command: string[]): string => command.map(quoted).join(' ');

/** For a shell, which also runs what stands behind ProxyCommand. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** Runs ssh in this terminal; resolves to its exit code. */
export async function runSsh(target: SshTarget, command: string[]): Promise<number> {
  if (!existsSync(target.identity))
    throw usage(`there is no key ${target.identity}`, 'name it with --identity FILE or STARLING_SSH_KEY');
  mkdirSync(join(target.knownHosts, '..'), { recursive: true, mode: 0o700 });
  const [program = '', ...args] = command;
  return new Promise((done, failed) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.on('error', ({ message }) => failed(usage(`ssh cannot be run: ${message}`, 'install an OpenSSH client')));
    child.on('close', (code, signal) => done(code ?? (signal === 'SIGINT' ? EXIT.interrupted : EXIT.failed)));
  });
}
