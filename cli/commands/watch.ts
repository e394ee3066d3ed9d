import { Argument, type Command } from 'commander';
import { clusterOf, type Common, type Session } from '../session';
import { clusterLines, nodeLines } from './look';

type View = 'status' | 'nodes' | 'all';

const LOCAL_MS = 500;
const REMOTE_MS = 3000;

/** A live picture of a cluster. */
export function addWatch(program: Command, session: Session): void {
  program
    .command('watch')
    .description('a live picture of a cluster until Ctrl-C; without a terminal a new one whenever something changed')
    .addArgument(new Argument('[view]', 'what to show').choices(['status', 'nodes', 'all']).default('all'))
    .option('-c, --cluster <name>', 'the cluster; else STARLING_CLUSTER, else the only one there is')
    .option('--until-done', 'end when no operation runs')
    .action((view: View, options: Common & { untilDone?: true }) => watch(session, view, options));
}

async function watch(session: Session, view: View, options: Common & { untilDone?: true }): Promise<void> {
  const c = await clusterOf(session, options);
  const show = createPicture(session);
  while (!session.interrupted.aborted) {
    const { body: cluster } = await session.client().call('getCluster', { params: { c } });
    const status = view === 'nodes' ? [] : await clusterLines(session, cluster);
    show([...status, ...(view === 'all' ? [''] : []), ...(view === 'status' ? [] : await nodes(session, c))]);
    if (options.untilDone && cluster.operation === null) return;
    await session.sleep(session.client().isLocal ? LOCAL_MS : REMOTE_MS);
  }
}

async function nodes(session: Session, c: string): Promise<string[]> {
  const { body } = await session.client().call('listNodes', { params: { c } });
  return body.nodes.length > 0 ? nodeLines(session, body.nodes) : ['no nodes yet'];
}

/** On a terminal it is drawn in place, line over line, so that it does not flicker. */
function createPicture({ terminal }: Session): (lines: string[]) => void {
  let last = '';
  const isLive = terminal.width !== undefined;
  if (isLive) terminal.draw([]);
  return (lines) => {
    const text = lines.join('\n');
    if (isLive) terminal.draw(lines);
    else if (text !== last) terminal.print(text);
    last = text;
  };
}
