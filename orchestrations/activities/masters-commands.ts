import { refuse, type Outcome } from '../../shared/model/errors';
import type { World } from '../../shared/ports';
import type { MasterCommand, Polled } from '../contracts';
import { mayProceed, writeEvent } from './records';

interface Input {
  cluster: string;
  operationId: string;
  name: string;
  command: MasterCommand;
}

/** Shorter than a command is followed, so that its end is told by itself and not by silence. */
const LIMIT_SECONDS = 14 * 60;
const LIBRARY = '/usr/local/lib/starling';
/** What is told of a failure goes into histories and answers; a script's last words are at its end. */
const MAX_REASON = 400;

/** Has a master run one of its own scripts, for a quarter of an hour at most. A repeat runs it again, which all of them bear. */
export async function beginMasterCommand(
  world: World,
  { cluster, operationId, name, command }: Input,
): Promise<Outcome<{ poller: string }>> {
  if (!(await mayProceed(world, cluster, operationId))) return refuse('CANCELLED', 'another operation has taken over');
  const begun = await world.cloud.beginCommand(cluster, { role: 'master', instanceId: name }, scriptOf(command));
  const message = `${name} is told to ${DEEDS[command.kind]}${begun.ok ? '' : `, which was refused: ${begun.message}`}`;
  await writeEvent(world, { cluster, type: `master.${command.kind}`, subject: name, cause: operationId, message });
  return begun.ok ? { ok: true, poller: begun.poller } : refuse(failureOf(command), begun.message);
}

const DEEDS: Record<MasterCommand['kind'], string> = {
  snapshot: 'save the state of the engine',
  upgrade: 'upgrade its engine',
  rotate: 'make a new credential for Starling',
};

/** The script says at its end that it is done: to Azure every script that ended has succeeded. */
function scriptOf(command: MasterCommand): string[] {
  const limited = `timeout ${LIMIT_SECONDS}`;
  if (command.kind === 'upgrade') return [`${limited} ${LIBRARY}/starling-upgrade.sh ${command.version}`];
  if (command.kind === 'rotate') return [`${limited} ${LIBRARY}/starling-rotate.sh`];
  return [`${limited} ${LIBRARY}/starling-snapshot.sh ${command.name}`];
}

function lastWordsOf(command: MasterCommand): string {
  if (command.kind === 'upgrade') return `starling-upgrade: done ${command.version}`;
  if (command.kind === 'rotate') return 'starling-rotate: done';
  return `starling-snapshot: done ${command.name}`;
}

const failureOf = ({ kind }: MasterCommand): 'SNAPSHOT_FAILED' | 'COMMAND_FAILED' =>
  kind === 'snapshot' ? 'SNAPSHOT_FAILED' : 'COMMAND_FAILED';

export async function pollMasterCommand(
  world: World,
  { poller, command }: { poller: string; command: MasterCommand },
): Promise<Polled> {
  const polled = await world.cloud.pollCommand(poller);
  if (polled.state === 'running') return polled;
  const failed = (message: string): Polled => ({ state: 'failed', code: failureOf(command), message });
  if (polled.state === 'failed') return failed(polled.message);
  if (polled.stdout.trimEnd().split('\n').at(-1) === lastWordsOf(command)) return { state: 'succeeded' };
  return failed(reasonIn(polled) || 'the script ended without a word');
}

const reasonIn = ({ stdout, stderr }: { stdout: string; stderr: string }): string =>
  (stderr.trim() || stdout.trim()).slice(-MAX_REASON);
