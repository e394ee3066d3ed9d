import type { Command } from 'commander';
import type { z } from 'zod';
import type { DeploymentView, EventSchema } from '../../shared/api';
import { clockTime } from '../output/duration';
import { paintState } from '../output/paint';
import { tableLines, type Column } from '../output/table';
import { clusterOf, type Common, type Session } from '../session';
import { LIMIT, reading } from './options';

type Event = z.output<typeof EventSchema>;

/** What happened to a cluster, and what was deployed for it. */
export function addHistory(program: Command, session: Session): void {
  const { terminal } = session;
  reading(program.command('events').description('every change of state and its cause, oldest first'))
    .option('--since <id-or-time>', 'only later ones')
    .option('--follow', 'go on with new ones until Ctrl-C')
    .option(...LIMIT)
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

type EventOptions = Common & { since?: string; limit?: number; follow?: true };

const POLL_MS = 1000;

async function events(session: Session, options: EventOptions): Promise<void> {
  const { terminal } = session;
  const c = await clusterOf(session, options);
  const { limit } = options;
  for (let since = options.since; ;) {
    const { body } = await session.client().call('listEvents', { params: { c }, query: { since, limit } });
    if (options.json && !options.follow) return terminal.print(JSON.stringify(body, null, 2));
    for (const event of body.events) terminal.print(options.json ? JSON.stringify(event) : eventLine(event));
    since = body.events.at(-1)?.id ?? since;
    if (!options.follow) return;
    await session.sleep(POLL_MS);
    if (session.interrupted.aborted) return;
  }
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
