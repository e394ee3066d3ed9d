import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import type { z } from 'zod';
import type { WorkloadRequestSchema, WorkloadSchema } from '../../shared/api';
import { change } from '../change';
import { tableLines, type Column } from '../output/table';
import { usage } from '../failure';
import { clusterOf, type Common, type Session } from '../session';
import { read } from '../spec';
import { changing, deleting, integer, reading } from './options';

type Workload = z.output<typeof WorkloadSchema>;
type WorkloadRequest = z.input<typeof WorkloadRequestSchema>;

const KINDS = ['monitor', 'replicated', 'global', 'stack', 'registry'] as const;
const isKind = (text: string): text is (typeof KINDS)[number] => (KINDS as readonly string[]).includes(text);

/** What runs on a cluster at an operator's wish. */
export function addWorkloads(program: Command, session: Session): void {
  const workload = program.command('workload').description('what runs on a cluster at your wish');
  reading(workload.command('list', { isDefault: true }).description('what runs, and why it does not')).action(
    (options: Common) => listWorkloads(session, options),
  );
  changing(workload.command('apply').description('make or change a workload, and wait until it runs'))
    .argument('<kind|file>', `${KINDS.join(', ')}, or a file with objects of Kubernetes, or a Compose file`)
    .option('--name <name>', 'else the kind, or the file’s name')
    .option('--replicas <n>', 'for replicated and stack', integer)
    .action((what: string, options: ApplyOptions) => apply(session, what, options));
  changing(workload.command('scale').description('change the number of replicas of a workload'))
    .argument('<name>')
    .argument('<replicas>', 'how many', integer)
    .action(async (name: string, replicas: number, options: Common) => {
      const c = await clusterOf(session, options);
      await change(session, options, { name: 'scaleWorkload', request: { params: { c, name }, body: { replicas } } });
    });
  deleting(workload.command('remove').description('remove a workload'))
    .argument('<name>')
    .action(async (name: string, options: Common) => {
      const c = await clusterOf(session, options);
      await change(session, options, {
        name: 'deleteWorkload',
        request: { params: { c, name } },
        deletes: 'something',
      });
    });
}

type ApplyOptions = Common & { name?: string; replicas?: number };

async function apply(session: Session, what: string, options: ApplyOptions): Promise<void> {
  const body: WorkloadRequest = isKind(what)
    ? { kind: what, replicas: options.replicas }
    : { kind: 'manifest', replicas: options.replicas, manifest: readManifest(session, what) };
  const name = options.name ?? (isKind(what) ? what : nameOf(what));
  const c = await clusterOf(session, options);
  await change(session, options, { name: 'putWorkload', request: { params: { c, name }, body } });
  const address =
    options.json || options.whatIf || options.wait === false ? '' : await addressOf(session, c, body.kind, name);
  if (address) session.terminal.note(`it is reached at ${address}`);
}

/** Where docs/workloads.md says that it is reached; empty for what has no address of its own. */
async function addressOf(session: Session, c: string, kind: WorkloadRequest['kind'], name: string): Promise<string> {
  if (kind === 'registry') return 'localhost:5000 on every node that takes work';
  const { body } = await session.client().call('listWorkloads', { params: { c } });
  const ports = body.workloads.find((workload) => workload.name === name)?.ports;
  if (kind === 'manifest' && !ports) return '';
  const { body: found } = await session.client().call('listEndpoints', { params: { c } });
  const master = found.endpoints[0]?.fqdn;
  if (!master) return '';
  if (ports) return ports.map((port) => portAddress(master, port)).join(', ');
  return kind === 'monitor' ? `https://${master}/monitor` : `http://${master}/${name}`;
}

/** Only the ports of the web are open from outside. */
function portAddress(master: string, port: number): string {
  if (port === 80) return `http://${master}/`;
  if (port === 443) return `https://${master}/`;
  return `localhost:${port} with starling proxy --forward ${port}:localhost:${port}`;
}

/** A word that is no file was meant as a kind. */
function readManifest({ cwd }: Session, file: string): string {
  if (existsSync(resolve(cwd, file))) return read(file);
  throw usage(`there is no file ${file}, and it is no kind of workload`, `the kinds are ${KINDS.join(', ')}`);
}

/** `web/My app.yaml` → `my-app`. */
const nameOf = (file: string): string =>
  basename(file)
    .replace(/\.[^.]*$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

async function listWorkloads(session: Session, options: Common): Promise<void> {
  const { terminal } = session;
  const c = await clusterOf(session, options);
  const { body } = await session.client().call('listWorkloads', { params: { c } });
  if (options.json) return terminal.print(JSON.stringify(body, null, 2));
  for (const line of tableLines(WORKLOADS, body.workloads, terminal)) terminal.print(line);
  if (body.workloads.length === 0) terminal.note('nothing runs; starling workload apply replicated starts something');
}

const WORKLOADS: Column<Workload>[] = [
  { title: 'WORKLOAD', value: ({ name }) => name },
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'READY', value: ({ ready, desired }) => `${ready}/${desired}` },
  { title: 'PROBLEMS', value: ({ problems }) => problems.join('; '), shrinkTo: 20, dropAt: 1 },
];
