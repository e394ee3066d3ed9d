import type { Command } from 'commander';
import { change } from '../change';
import { EXIT } from '../exit-codes';
import { Failure } from '../failure';
import { reportLines, type Report } from '../output/chaos-report';
import { clockTime, duration } from '../output/duration';
import { paintState } from '../output/paint';
import { tableLines, type Column } from '../output/table';
import { clusterOf, type Common, type Session } from '../session';
import { choice, decimal, deleting, integer, LIMIT, reading } from './options';

type Action = Report['request']['action'];

const ACTIONS = ['restart', 'reimage', 'deallocate', 'delete', 'evict'] as const satisfies Action[];

/** What empties a disk or ends a machine is asked about first. */
const DELETING: ReadonlySet<Action> = new Set<Action>(['reimage', 'delete', 'evict']);

interface RunOptions extends Common {
  action: Action;
  count?: number;
  fraction?: number;
  seed?: number;
  concurrency?: number;
  dryRun?: true;
}

/** Breaking things on purpose. */
export function addChaos(program: Command, session: Session): void {
  const chaos = program.command('chaos').description('break agents on purpose and see whether the cluster recovers');
  deleting(chaos.command('run').description('one run, now'))
    .addOption(choice('--action <action>', 'what is done to an agent', ACTIONS).default('restart'))
    .option('--count <n>', 'so many agents (1)', integer)
    .option('--fraction <part>', 'this part of them, above 0 and up to 1', decimal)
    .option('--seed <n>', 'the same seed picks the same agents in the same order', integer)
    .option('--concurrency <n>', 'so many at a time (1)', integer)
    .option('--dry-run', 'only plan, and keep the report')
    .action((options: RunOptions) => run(session, options));
  reading(chaos.command('list').description('reports of runs, newest first'))
    .option(...LIMIT)
    .action((options: Common & { limit?: number }) => listRuns(session, options));
  reading(chaos.command('show').description('the report of a run with each victim'))
    .argument('[report]', 'its id; the latest one without it')
    .action((id: string | undefined, options: Common) => show(session, id, options));
}

async function run(session: Session, options: RunOptions): Promise<void> {
  const c = await clusterOf(session, options);
  const { action, count, fraction, seed, concurrency, dryRun } = options;
  const body = { action, count, fraction, seed, concurrency, dryRun };
  const deletes = !dryRun && DELETING.has(action) && ('something' as const);
  const describe = async ({ id }: { id: string }): Promise<string[]> => {
    const report = await reportOf(session, c, id);
    return report ? reportLines(report, session.terminal) : [];
  };
  await change(session, options, { name: 'startChaos', request: { params: { c }, body }, deletes, describe });
}

/** The latest one without an id; undefined when there is none. */
async function reportOf(session: Session, c: string, id?: string): Promise<Report | undefined> {
  const { body } = await session.client().call('listChaos', { params: { c } });
  return id === undefined ? body.runs[0] : body.runs.find((run) => run.id === id);
}

async function show(session: Session, id: string | undefined, options: Common): Promise<void> {
  const { terminal } = session;
  const c = await clusterOf(session, options);
  const report = await reportOf(session, c, id);
  if (!report)
    throw new Failure(
      'REPORT_NOT_FOUND',
      id === undefined ? `nothing was broken in ${c} yet` : `${c} has no report ${id}`,
      'starling chaos list --json shows the ids; starling chaos run makes a new one',
      EXIT.notFound,
    );
  if (options.json) return terminal.print(JSON.stringify(report, null, 2));
  for (const line of reportLines(report, terminal)) terminal.print(line);
}

async function listRuns(session: Session, options: Common & { limit?: number }): Promise<void> {
  const { terminal } = session;
  const c = await clusterOf(session, options);
  const { body } = await session.client().call('listChaos', { params: { c }, query: { limit: options.limit } });
  if (options.json) return terminal.print(JSON.stringify(body, null, 2));
  for (const line of tableLines(RUNS, body.runs, terminal)) terminal.print(line);
  if (body.runs.length === 0) terminal.note('nothing was broken yet; starling chaos run does it');
}

const slowest = (times: (number | null)[]): string => {
  const known = times.filter((time) => time !== null);
  return known.length > 0 ? duration(Math.max(...known)) : '-';
};

const RUNS: Column<Report>[] = [
  { title: 'STARTED', value: ({ startedAt }) => clockTime(startedAt) },
  { title: 'VERDICT', value: ({ verdict }) => verdict, paint: (text) => paintState(text) },
  { title: 'ACTION', value: ({ request }) => request.action },
  { title: 'SEED', value: ({ request }) => request.seed, dropAt: 3 },
  { title: 'DETECTED', value: ({ victims }) => slowest(victims.map(({ detectedMs }) => detectedMs)), dropAt: 5 },
  { title: 'REJOINED', value: ({ victims }) => slowest(victims.map(({ rejoinedMs }) => rejoinedMs)), dropAt: 4 },
  {
    title: 'VICTIMS',
    value: ({ victims }) => victims.map(({ nodeName }) => nodeName).join(' ') || '-',
    shrinkTo: 12,
    dropAt: 1,
  },
  { title: 'WHY', value: ({ reason }) => reason, shrinkTo: 12, dropAt: 2 },
];
