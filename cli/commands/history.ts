import type { Command } from 'commander';
import type { z } from 'zod';
import type { DeploymentView, EventSchema } from '../../shared/api';
import { usage } from '../failure';
import { clockTime } from '../output/duration';
import { paintState } from '../output/paint';
import { tableLines, type Column } from '../output/table';
import { clusterOf, type Common, type Session } from '../session';
import { integer, reading } from './options';

type Event = z.output<typeof EventSchema>;

/** What happened to a cluster, and what was deployed for it. */
export function addHistory(program: Command, session: Session): void {
  const { terminal } = session;
  reading(program.command('events').description('every change of state and its cause, oldest first'))
    .option('--since <id-or-time>', 'only later ones')
    .option('--last <n>', 'only the latest so many', integer)
    .option('--limit <n>', 'only the oldest so many', integer)
    .option('-f, --follow', 'go on with new ones until Ctrl-C')
    .action((options: EventOptions) => events(session, options));
  reading(program.command('template').description('the deployment template as it was submitted')).action(
    async (options: Common) => {
      const c = await clusterOf(session, options);
      const { body } = await session.client().call('getTemplate', { params: { c } });
      terminal.print(JSON.stringify(body, null, 2));
    },
  );
  reading(program.command('deployment').description('each resource of the deployment and its state')).action(
    async (options: Common) => {
      const c = await clusterOf(session, options);
      const { body } = await session.client().call('getDeployment', { params: { c } });
      if (options.json) return terminal.print(JSON.stringify(body, null, 2));
      for (const line of tableLines(RESOURCES, body.operations, terminal)) terminal.print(line);
    },
  );
}

interface EventOptions extends Common {
  since?: string;
  limit?: number;
  last?: number;
  follow?: true;
}

const POLL_MS = 1000;

async function events(session: Session, options: EventOptions): Promise<void> {
  const { terminal } = session;
  const { json, last, follow } = options;
  requireMoment(options.since);
  const c = await clusterOf(session, options);
  const print = (event: Event): void => terminal.print(json ? JSON.stringify(event) : eventLine(event));
  const found = await eventsSince(session, c, options);
  const shown = last === undefined ? found : found.slice(Math.max(0, found.length - last));
  if (json && !follow) return terminal.print(JSON.stringify({ events: shown }, null, 2));
  shown.forEach(print);
  for (let since = found.at(-1)?.id ?? options.since; follow;) {
    await session.sleep(POLL_MS);
    if (session.interrupted.aborted) return;
    const come = await eventsSince(session, c, { since });
    come.forEach(print);
    since = come.at(-1)?.id ?? since;
  }
}

/** All of them unless a limit is given: the API answers a page of the oldest, and the latest are what people look for. */
async function eventsSince(session: Session, c: string, { since, limit }: EventOptions): Promise<Event[]> {
  const all: Event[] = [];
  for (;;) {
    const query = { since: all.at(-1)?.id ?? since, limit };
    const { body } = await session.client().call('listEvents', { params: { c }, query });
    all.push(...body.events);
    if (limit !== undefined || body.events.length === 0) return all;
  }
}

/** Ids of events begin with their time. */
function requireMoment(since: string | undefined): void {
  if (since === undefined || /^\d{4}-\d\d-\d\d/.test(since)) return;
  throw usage(`${since} is neither a time nor the id of an event`, 'give it as 2026-11-22T14:00:00Z, in UTC');
}

const eventLine = ({ at, subject, message, cause }: Event): string =>
  `${clockTime(at)}  ${subject}  ${message} (${cause})`.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');

const RESOURCES: Column<z.output<typeof DeploymentView>['operations'][number]>[] = [
  { title: 'RESOURCE', value: ({ name }) => name, shrinkTo: 16 },
  { title: 'STATE', value: ({ state }) => state, paint: (text) => paintState(text) },
  { title: 'TYPE', value: ({ type }) => type.replace(/^Microsoft\./, ''), shrinkTo: 20, dropAt: 1 },
  {
    title: 'MESSAGE',
    value: ({ code, message }) => [code, message].filter(Boolean).join(': '),
    shrinkTo: 12,
    dropAt: 2,
  },
];
