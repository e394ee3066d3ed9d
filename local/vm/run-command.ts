import { hasScript } from './custom-data';
import { engineOf, firstTask, liveGuest, save, schedule, type Guest, type GuestWorld } from './guest';
import { runReady } from './guest-ready';

export interface CommandOutput {
  stdout: string;
  stderr: string;
}

type Command = (world: GuestWorld, guest: Guest, match: RegExpExecArray) => CommandOutput | Promise<CommandOutput>;

/** Of the many scripts that exist, those that are run on nodes; the first that is recognised is carried out. */
const COMMANDS: [RegExp, Command][] = [
  [/\/(starling-snapshot\.sh) *'?([^\s']*)/, snapshot],
  [/\/(starling-upgrade\.sh) *'?([^\s']*)/, upgrade],
  [/\/(starling-rotate\.sh)/, rotate],
  [/journalctl|--unit|-u /, journal],
];

/** What a script does that is run through the VM agent, and what it prints. */
export async function runScript(world: GuestWorld, guest: Guest, script: string[]): Promise<CommandOutput> {
  const text = script.join('\n');
  for (const [pattern, command] of COMMANDS) {
    const match = pattern.exec(text);
    if (match) return command(world, guest, match);
  }
  return { stdout: `${guest.spec.computerName}: ${guest.state.phase}\n`, stderr: '' };
}

const failed = (stderr: string): CommandOutput => ({ stdout: '', stderr: `${stderr}\n` });
const missing = (script: string): CommandOutput =>
  failed(`/usr/local/lib/starling/${script}: No such file or directory`);

const NAME = /^[A-Za-z0-9][A-Za-z0-9.+_-]*$/;

function snapshot(world: GuestWorld, guest: Guest, [, script = '', name = '']: RegExpExecArray): CommandOutput {
  const { spec, state } = guest;
  const engine = engineOf(world, spec);
  if (!engine || !hasScript(world.inventory.customData(spec), script)) return missing(script);
  if (!NAME.test(name)) return failed('starling: snapshot: the argument is not a name such as before-v1.36.2');
  const taken = engine.snapshot(world, guest, name);
  if (!taken.ok) return failed(taken.message);
  const snapshots = [...(state.disk.snapshots ?? []), taken.saved];
  save(world, state, { disk: { ...state.disk, snapshots } }, `${engine.journal.writer}: Snapshot ${taken.saved} saved`);
  return { stdout: `${taken.output}\nstarling-snapshot: done ${name}\n`, stderr: '' };
}

const RESTART_MS = 3_000; // the old process ends, the new one starts

/** The download is in the time that run command takes; the engine needs as long as at any start until it is up again. */
function upgrade(world: GuestWorld, guest: Guest, [, script = '', version = '']: RegExpExecArray): CommandOutput {
  const { spec, state } = guest;
  const { ticket } = state.disk;
  const engine = engineOf(world, spec);
  if (!engine || !hasScript(world.inventory.customData(spec), script)) return missing(script);
  const { pattern, example } = engine.version;
  if (!pattern.test(version)) return failed(`starling: upgrade: the argument is not a version such as ${example}`);
  if (!ticket) return failed('starling: upgrade: this machine has not joined');
  engine.stop(world, guest, false);
  const disk = { ...state.disk, ticket: { ...ticket, version } };
  const line = `starling: install: ${ticket.engine} ${version} installed`;
  const upgraded = save(world, state, { disk, phase: 'starting the engine' }, line);
  schedule(world, 'engine', firstTask(world, upgraded), RESTART_MS);
  return { stdout: `starling-upgrade: done ${version}\n`, stderr: '' };
}

/** The credential goes, a new one comes, and Starling is told. */
async function rotate(world: GuestWorld, guest: Guest, [, script = '']: RegExpExecArray): Promise<CommandOutput> {
  const engine = engineOf(world, guest.spec);
  if (!engine || !hasScript(world.inventory.customData(guest.spec), script)) return missing(script);
  if (!engine.renewCredential(world, guest)) return failed('The connection to the server was refused');
  const isTold = await runReady(world, firstTask(world, guest.state));
  return isTold
    ? { stdout: 'starling: ready: told\nstarling-rotate: done\n', stderr: '' }
    : failed('starling: ready: Starling did not answer in time');
}

function journal(world: GuestWorld, guest: Guest, { input: text }: RegExpExecArray): CommandOutput {
  const { spec, state } = liveGuest(world, guest.state) ?? guest;
  const lines = Number(/(?:-n|--lines)[ =]?(\d+)/.exec(text)?.[1] ?? 100);
  const unit = /(?:-u|--unit)[ =]?'?([\w.-]+)/.exec(text)?.[1]?.replace(/\.service$/, '') ?? '';
  const engine = engineOf(world, spec)?.journal;
  const writer = engine?.units.test(unit) ? ` ${engine.writer}: ` : unit.startsWith('starling') ? ' starling: ' : ' ';
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
  return `${at} ${host} ${writer}[${writer === 'starling' ? 640 : 812}]: ${message}`;
}
