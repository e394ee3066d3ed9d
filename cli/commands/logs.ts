import type { Command } from 'commander';
import { LOG_UNITS } from '../../shared/api';
import { newLines } from '../new-lines';
import { clusterOf, type Common, type Session } from '../session';
import { choice, integer } from './options';

type Unit = (typeof LOG_UNITS)[number];

/** Reading a journal takes Azure tens of seconds, so asking more often would only queue up. */
const FOLLOW_MS = 5000;

/** The journal of a unit on a node. */
export function addLogs(program: Command, session: Session): void {
  program
    .command('logs')
    .description('the journal of a unit on a node; takes tens of seconds')
    .argument('[node]', 'its name or instance id', 'master0')
    .option('-c, --cluster <name>', 'the cluster; else STARLING_CLUSTER, else the only one there is')
    .addOption(choice('--unit <unit>', 'the engine’s by default', LOG_UNITS))
    .option('--lines <n>', 'the last so many (100)', integer)
    .option('-f, --follow', 'go on with new lines until Ctrl-C')
    .action((node: string, options: LogOptions) => logs(session, node, options));
}

type LogOptions = Common & { unit?: Unit; lines?: number; follow?: true };

async function logs(session: Session, node: string, options: LogOptions): Promise<void> {
  const c = await clusterOf(session, options);
  const { unit, lines } = options;
  for (let before: string[] = []; ;) {
    const { body } = await session.client().call('getLogs', { params: { c }, query: { node, unit, lines } });
    const now = body.replace(/\n$/, '').split('\n');
    for (const line of newLines(before, body === '' ? [] : now)) session.terminal.print(line);
    if (!options.follow) return;
    before = body === '' ? before : now;
    await session.sleep(FOLLOW_MS);
    if (session.interrupted.aborted) return;
  }
}
