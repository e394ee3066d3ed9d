import { hasScript } from './custom-data';
import { clusterOf, endpointName, firstTask, liveGuest, save, schedule, type Guest, type GuestWorld } from './guest';
import { runReady } from './guest-ready';

export interface CommandOutput {
  stdout: string;
  stderr: string;
}

type Command = (world: GuestWorld, guest: Guest, match: RegExpExecArray) => CommandOutput | Promise<CommandOutput>;

/** Of the many scripts that exist, those that are run on nodes; the first that is recognised is carried out. */
const COMMANDS: [RegExp, Command][] = [
  [/etcd-snapshot save\b(?:.*--name[ =]'?([\w.+-]+))?/, snapshot],
  [/\/(starling-upgrade\.sh) *'?([^\s']*)/, upgrade],
  [/\/(starling-rotate\.sh)/, rotate],
  [/journalctl|--unit|-u /, journal],
];

/** What a script does that is run through the VM agent, and what it prints. */
export async function runScript(world: GuestWorld, guest: Guest, script: string[]): Promise<CommandOutput> {
  const text = script.join('\n');
  for (const [pattern, command] of COMMANDS) {
    const match = pattern.exec(text);
    if (match) return withEcho(text, await command(world, guest, match));
  }
  return { stdout: `${guest.spec.computerName}: ${guest.state.phase}\n`, stderr: '' };
}

/** `… && echo 'done'`: what failed printed nothing, and is not followed by anything. */
function withEcho(text: string, output: CommandOutput): CommandOutput {
  const [, echo] = /&& echo '([^']*)'\s*$/.exec(text) ?? [];
  return echo === undefined || output.stdout === '' ? output : { ...output, stdout: `${output.stdout}${echo}\n` };
}

const failed = (stderr: string): CommandOutput => ({ stdout: '', stderr: `${stderr}\n` });
const missing = (script: string): CommandOutput =>
  failed(`/usr/local/lib/starling/${script}: No such file or directory`);

function snapshot(world: GuestWorld, guest: Guest, [, name = 'on-demand']: RegExpExecArray): CommandOutput {
  const { state } = guest;
  if (!state.disk.isServer) return failed('bash: line 1: k3s: etcd-snapshot needs a server with embedded etcd');
  if (state.phase !== 'running' || !world.k3s.identityOf(endpointName(guest)))
    return failed('level=fatal msg="Error: failed to get etcd client: connection refused"');
  const saved = `${name}-${state.disk.ticket?.nodeName}-${Math.floor(world.clock.now() / 1000)}`;
  const snapshots = [...(state.disk.snapshots ?? []), saved];
  save(world, state, { disk: { ...state.disk, snapshots } }, `k3s: Snapshot ${saved} saved`);
  return { stdout: `level=info msg="Snapshot ${saved} saved."\n`, stderr: '' };
}

const VERSION = /^v\d+\.\d+\.\d+([+-][A-Za-z0-9.-]+)?$/;
const RESTART_MS = 3_000; // the old process ends, the new one starts

/** The download is in the time that run command takes; the engine needs as long as at any start until it is up again. */
function upgrade(world: GuestWorld, guest: Guest, [, script = '', version = '']: RegExpExecArray): CommandOutput {
  const { spec, state } = guest;
  const { ticket, isServer } = state.disk;
  if (!hasScript(world.inventory.customData(spec), script)) return missing(script);
  if (!VERSION.test(version)) return failed('starling: upgrade: the argument is not a version such as v1.36.2+k3s1');
  if (!ticket) return failed('starling: upgrade: this machine has not joined');
  world.k3s.stopKubelet(clusterOf(world, spec), ticket.nodeName, spec.vmId, false);
  if (isServer) world.k3s.stopServer(endpointName(guest));
  const disk = { ...state.disk, ticket: { ...ticket, version } };
  const upgraded = save(
    world,
    state,
    { disk, phase: 'starting the engine' },
    `starling: install: k3s ${version} installed`,
  );
  schedule(world, 'engine', firstTask(world, upgraded), RESTART_MS);
  return { stdout: `starling-upgrade: done ${version}\n`, stderr: '' };
}

/** The Secret goes, a new one comes, and Starling is told. */
async function rotate(world: GuestWorld, guest: Guest, [, script = '']: RegExpExecArray): Promise<CommandOutput> {
  if (!hasScript(world.inventory.customData(guest.spec), script)) return missing(script);
  if (!world.k3s.renewCredential(endpointName(guest))) return failed('The connection to the server was refused');
  const isTold = await runReady(world, firstTask(world, guest.state));
  return isTold
    ? { stdout: 'starling: ready: told\nstarling-rotate: done\n', stderr: '' }
    : failed('starling: ready: Starling did not answer in time');
}

function journal(world: GuestWorld, guest: Guest, { input: text }: RegExpExecArray): CommandOutput {
  const { spec, state } = liveGuest(world, guest.state) ?? guest;
  const lines = Number(/(?:-n|--lines)[ =]?(\d+)/.exec(text)?.[1] ?? 100);
  const unit = /(?:-u|--unit)[ =]?'?([\w.-]+)/.exec(text)?.[1]?.replace(/\.service$/, '') ?? '';
  const writer = unit.startsWith('k3s') ? ' k3s: ' : unit.startsWith('starling') ? ' starling: ' : ' ';
  const chosen = state.journal.filter((line) => line.includes(writer)).slice(-lines);
  const stdout =
    chosen.length > 0
      ? `${chosen.map((line) => journalLine(line, spec.computerName)).join('\n')}\n`
      : '-- No entries --\n';
  return { stdout, stderr: '' };
}

/** Sample: `2026-03-01T08:00:12.000Z master0 k3s[812]: k3s is up and running`. */
function journalLine(line: string, host: string): string {
  const [, at = '', writer = '', message = ''] = /^(\S+) (\w+): (.*)$/.exec(line) ?? [];
  return `${at} ${host} ${writer}[${writer === 'k3s' ? 812 : 640}]: ${message}`;
}
