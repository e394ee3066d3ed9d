import type { Command } from 'commander';
import { change, printEnded } from '../change';
import { failureOf, follow, type Operation } from '../follow';
import { clockTime } from '../output/duration';
import { paintState } from '../output/paint';
import { tableLines, type Column } from '../output/table';
import { clusterOf, type Common, type Session } from '../session';
import { changing, LIMIT, reading } from './options';

/** What Starling is doing, and has done. */
export function addOperations(program: Command, session: Session): void {
  const operations = program.command('operations').description('what Starling is doing, and has done');
  addLooks(operations, session);
  operations
    .command('wait')
    .description('wait until operations have ended, with their progress')
    .argument('<id...>', 'as starling operations list shows them')
    .option('--json', 'print the operations as JSON')
    .action((ids: string[], options: Common) => wait(session, ids, options));
  changing(operations.command('cancel').description('cancel an operation at its next safe point'))
    .argument('<id>')
    .action((id: string, options: Common) =>
      change(
        session,
        { ...options, wait: false },
        {
          name: 'cancelOperation',
          request: { params: { id } },
          begins: 'ends at its next safe point',
          done: ({ body }) => 'state' in body && session.terminal.print(`${id} has ${body.state} already`),
        },
      ),
    );
}

function addLooks(operations: Command, session: Session): void {
  const { terminal } = session;
  reading(operations.command('list', { isDefault: true }).description('of a cluster, newest first'))
    .option(...LIMIT)
    .action(async (options: Common & { limit?: number }) => {
      const c = await clusterOf(session, options);
      const query = { limit: options.limit };
      const { body } = await session.client().call('listClusterOperations', { params: { c }, query });
      if (options.json) return terminal.print(JSON.stringify(body, null, 2));
      for (const line of tableLines(OPERATIONS, body.operations, terminal)) terminal.print(line);
    });
  operations
    .command('show')
    .description('one operation with its result')
    .argument('<id>')
    .option('--json', 'print the JSON that the API answers, and nothing else')
    .action(async (id: string, { json }: Common) => {
      const { body } = await session.client().call('getOperation', { params: { id } });
      if (json || body.state !== 'running') return show(session, body, { json });
      terminal.print(`${id}: ${body.progress.done}/${body.progress.total} ${body.progress.unit}, ${body.phase}`);
    });
}

/** Looking at an operation that failed is no failure of looking. */
function show({ terminal }: Session, operation: Operation, { json }: Common): void {
  if (json) return terminal.print(JSON.stringify(operation, null, 2));
  const failure = failureOf(operation);
  if (!failure) return printEnded({ terminal }, { json }, operation);
  terminal.print(`${operation.id}: ${failure.message}`);
}

/** All of them as one operation for one id, else as a list. Throws for the first that did not succeed. */
async function wait(session: Session, ids: string[], options: Common): Promise<void> {
  const ended = await follow(session, ids);
  const [only] = ended;
  if (ended.length === 1 && only) return printEnded(session, options, only);
  if (options.json) session.terminal.print(JSON.stringify({ operations: ended }, null, 2));
  else for (const operation of ended) show(session, operation, {});
  const failure = ended.map(failureOf).find(Boolean);
  if (failure) throw failure;
}

const OPERATIONS: Column<Operation>[] = [
  { title: 'OPERATION', value: ({ id }) => id },
  { title: 'STATE', value: ({ state }) => state, paint: (text) => paintState(text) },
  { title: 'STARTED', value: ({ startedAt }) => clockTime(startedAt), dropAt: 3 },
  { title: 'DONE', value: ({ progress: { done, total, unit } }) => `${done}/${total} ${unit}`, dropAt: 2 },
  { title: 'PHASE', value: ({ phase, error }) => error?.code ?? phase, shrinkTo: 12, dropAt: 1 },
];
