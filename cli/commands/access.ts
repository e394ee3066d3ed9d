import { resolve } from 'node:path';
import { closeSync, fchmodSync, openSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Engine } from '../../shared/model/cluster';
import { usage } from '../failure';
import { clusterOf, type Common, type Session } from '../session';
import { proxyCommand, runSsh, shown, sshCommand, sshTarget } from '../ssh';
import { makeSshKey } from '../ssh-key';
import { writeNew } from '../write-new';
import { integer, list } from './options';

/** Ways into a cluster. */
export function addAccess(program: Command, session: Session): void {
  named(program.command('kubeconfig').description('access for kubectl as an administrator, for some hours'))
    .option('--out <file>', 'write it there with mode 0600; else print it')
    .option('--hours <n>', 'how long it is valid, 1 to 24 (8)', integer)
    .action((options: Common & { out?: string; hours?: number }) => kubeconfig(session, options));
  program
    .command('keys')
    .description('make an Ed25519 key pair for SSH on this machine; never overwrites')
    .option('--out <name>', 'NAME.pem and NAME.pub', 'keys/cluster')
    .option('--json', 'print where they are as JSON')
    .action((options: { out: string; json?: true }) => keys(session, options));
  addSsh(program, session);
}

const named = (command: Command): Command =>
  command.option('-c, --cluster <name>', 'the cluster; else STARLING_CLUSTER, else the only one there is');

const withSsh = (command: Command): Command =>
  named(command)
    .option('-i, --identity <file>', 'private key; else STARLING_SSH_KEY, else keys/cluster.pem')
    .option('--print', 'print the command instead of running it');

type SshOptions = Common & { identity?: string; print?: true };

const WEB = ['9080:localhost:80', '9443:localhost:443'];
/** What master0 itself reaches. Of a swarm neither the registry, which is on agents only, nor Docker's API, whose only client is Starling. */
const FORWARDS: Record<Engine, string[]> = { k3s: [...WEB, '5000:localhost:5000', '6443:localhost:6443'], swarm: WEB };

function addSsh(program: Command, session: Session): void {
  withSsh(
    program
      .command('ssh')
      .description('a shell on a node, or a command there; masters other than master0 and agents through master0'),
  )
    .argument('[node]', 'its name', 'master0')
    .argument('[command...]', 'after --')
    .action(async (node: string, command: string[], options: SshOptions) => {
      const c = await clusterOf(session, options);
      const target = await sshTarget(session, c, options.identity);
      const line = sshCommand(target, await addressOf(session, c, node), command);
      await runOrPrint(session, options, { target, line });
    });
  withSsh(program.command('proxy').description('doors to the cluster on this machine, through master0, until Ctrl-C'))
    .option('--socks <port>', 'of a SOCKS proxy that reaches what master0 reaches', integer, 1080)
    .option('--forward <local:host:port>', `instead of ${WEB.join(', ')} and, for k3s, of its registry and API`, list)
    .action(async (options: SshOptions & { socks: number; forward?: string[] }) => {
      const target = await sshTarget(session, await clusterOf(session, options), options.identity);
      const { socks, forward = FORWARDS[target.engine] } = options;
      forward.forEach(requireForward);
      if (!options.print) session.terminal.note(`SOCKS on 127.0.0.1:${socks}; ${forward.join(', ')}; Ctrl-C ends it`);
      await runOrPrint(session, options, { target, line: proxyCommand(target, { socks, forward }) });
    });
}

function requireForward(text: string): void {
  if (/^\d{1,5}:[A-Za-z0-9.-]+:\d{1,5}$/.test(text)) return;
  throw usage(`${text} is no forwarding`, 'give LOCALPORT:HOST:PORT, such as 8080:localhost:80');
}

/** undefined for master0, which is reached directly. */
async function addressOf(session: Session, c: string, node: string): Promise<string | undefined> {
  if (node === 'master0') return undefined;
  const { body } = await session.client().call('listNodes', { params: { c } });
  const found = body.nodes.find(({ name, instanceId }) => name === node || instanceId === node);
  if (found?.instanceId === 'master0') return undefined;
  // What is no address must not become an option of ssh.
  if (found && /^[0-9a-f][0-9a-f.:]*$/i.test(found.address)) return found.address;
  throw usage(found ? `${node} has no address yet` : `there is no node ${node}`, 'starling nodes lists them');
}

interface Run {
  target: Awaited<ReturnType<typeof sshTarget>>;
  line: string[];
}

async function runOrPrint({ terminal }: Session, { print }: SshOptions, { target, line }: Run): Promise<void> {
  if (print) return terminal.print(shown(line));
  process.exitCode = await runSsh(target, line);
}

async function kubeconfig(session: Session, options: Common & { out?: string; hours?: number }): Promise<void> {
  const { terminal, cwd } = session;
  const c = await clusterOf(session, options);
  const { body } = await session.client().call('getKubeconfig', { params: { c }, query: { hours: options.hours } });
  if (options.out === undefined) return terminal.print(body.trimEnd());
  const file = resolve(cwd, options.out);
  try {
    writeSecret(file, body);
  } catch (error) {
    throw usage(`${options.out} cannot be written (${(error as NodeJS.ErrnoException).code})`, 'check the path');
  }
  terminal.note(`wrote ${options.out}; use it with KUBECONFIG=${options.out} kubectl get nodes`);
}

/** One that has run out is replaced. A file that is there already keeps its mode: it is closed to others before it holds anything. */
function writeSecret(file: string, text: string): void {
  const opened = openSync(file, 'w', 0o600);
  try {
    fchmodSync(opened, 0o600);
    writeFileSync(opened, text);
  } finally {
    closeSync(opened);
  }
}

function keys({ terminal, cwd }: Session, { out, json }: { out: string; json?: true }): void {
  const { privateKey, publicKey } = makeSshKey('starling');
  const files = { privateKey: `${out}.pem`, publicKey: `${out}.pub` };
  writeNew(cwd, files.privateKey, { text: privateKey, mode: 0o600 });
  writeNew(cwd, files.publicKey, { text: `${publicKey}\n`, mode: 0o644 });
  terminal.print(json ? JSON.stringify(files, null, 2) : `${files.privateKey} and ${files.publicKey}`);
  terminal.note(`deploy with it: starling up --ssh-key ${files.publicKey} --ssh-from YOUR.ADDRESS/32`);
}
