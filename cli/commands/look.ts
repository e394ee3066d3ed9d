import type { Command } from 'commander';
import type { z } from 'zod';
import type { ClusterSchema, NodeSchema } from '../../shared/api';
import { clockTime } from '../output/duration';
import { fieldLines } from '../output/fields';
import { paintState } from '../output/paint';
import { tableLines, type Column } from '../output/table';
import { clusterOf, type Common, type Session } from '../session';
import { reading } from './options';

type Cluster = z.output<typeof ClusterSchema>;
type Node = z.output<typeof NodeSchema>;

/** How things are. */
export function addLooks(program: Command, session: Session): void {
  const { terminal } = session;
  reading(program.command('status').description('all clusters, or with --cluster one of them')).action(
    (options: Common) => status(session, options),
  );
  reading(program.command('nodes').description('masters and agents of a cluster')).action(async (options: Common) => {
    const c = await clusterOf(session, options);
    const { body } = await session.client().call('listNodes', { params: { c } });
    if (options.json) return terminal.print(JSON.stringify(body, null, 2));
    for (const line of nodeLines(session, body.nodes)) terminal.print(line);
  });
  reading(program.command('endpoints').description('public names and ports of a cluster')).action(
    async (options: Common) => {
      const c = await clusterOf(session, options);
      const { body } = await session.client().call('listEndpoints', { params: { c } });
      if (options.json) return terminal.print(JSON.stringify(body, null, 2));
      for (const line of tableLines(ENDPOINTS, body.endpoints, terminal)) terminal.print(line);
      if (body.endpoints.length === 0) terminal.note(`${c} has no endpoints yet`);
    },
  );
}

async function status(session: Session, options: Common): Promise<void> {
  const { terminal } = session;
  const named = options.cluster ?? session.env['STARLING_CLUSTER'];
  if (named) return statusOfOne(session, named, options);
  const { body } = await session.client().call('listClusters', { params: {} });
  if (options.json) return terminal.print(JSON.stringify(body, null, 2));
  for (const line of tableLines(CLUSTERS, body.clusters, terminal)) terminal.print(line);
  if (body.clusters.length === 0) terminal.note('there is no cluster yet; starling up deploys one');
  const reasons = body.clusters.map(({ name, phaseReason }): [string, string] => [name, phaseReason]);
  for (const line of fieldLines(reasons, terminal)) terminal.print(line);
  await noteHalt(session);
}

async function statusOfOne(session: Session, c: string, { json }: Common): Promise<void> {
  const { body } = await session.client().call('getCluster', { params: { c } });
  if (json) return session.terminal.print(JSON.stringify(body, null, 2));
  for (const line of await clusterLines(session, body)) session.terminal.print(line);
  await noteHalt(session);
}

/** Who wonders why nothing is repaired looks here first. */
async function noteHalt({ client, terminal }: Session): Promise<void> {
  const { halted, reason, since } = (await client().call('getHalt', { params: {} })).body;
  if (!halted) return;
  terminal.note(
    `automation is halted since ${clockTime(since)}${reason && `: ${reason}`}; starling halt off resumes it`,
  );
}

/** One cluster in full, with what runs on it now. */
export async function clusterLines(session: Session, cluster: Cluster): Promise<string[]> {
  const { name, phase, phaseReason, spec, masters, agents, endpoints, operation } = cluster;
  const { colours } = session.terminal;
  return fieldLines(
    [
      ['cluster', name],
      ['phase', colours ? paintState(phase) : phase],
      ['why', phaseReason],
      ['engine', `${spec.engine} ${spec.version} in ${spec.location}`],
      ['masters', `${masters.ready} of ${masters.desired} ready, ${spec.masters.size}`],
      [
        'agents',
        `${agents.ready} of ${agents.desired} ready, ${agents.total} in all, ${spec.agents.size}, ${spec.agents.priority}`,
      ],
      ['operation', operation ? await operationLine(session, operation) : ''],
      ['endpoints', endpoints.map(({ fqdn }) => fqdn).join(' ')],
    ],
    session.terminal,
  );
}

async function operationLine(session: Session, id: string): Promise<string> {
  const { body } = await session.client().call('getOperation', { params: { id } });
  const { done, total, unit } = body.progress;
  return `${id}: ${done}/${total} ${unit}, ${body.phase}`;
}

export function nodeLines(session: Session, nodes: Node[]): string[] {
  const columns: Column<Node>[] = [
    { title: 'NAME', value: ({ name, instanceId }) => name || `(${instanceId})`, shrinkTo: 20 },
    { title: 'ROLE', value: ({ role }) => role },
    { title: 'STATE', value: ({ state }) => state, paint: (text) => paintState(text) },
    { title: 'SINCE', value: ({ since }) => clockTime(since), dropAt: 2 },
    { title: 'ADDRESS', value: ({ address }) => address || '-', dropAt: 3 },
    { title: 'INSTANCE', value: ({ instanceId }) => instanceId, dropAt: 4 },
    { title: 'DETAIL', value: ({ detail }) => detail ?? '', shrinkTo: 16, dropAt: 1 },
  ];
  return tableLines(columns, nodes, session.terminal);
}

const CLUSTERS: Column<Cluster>[] = [
  { title: 'CLUSTER', value: ({ name }) => name },
  { title: 'PHASE', value: ({ phase }) => phase, paint: (text) => paintState(text) },
  { title: 'MASTERS', value: ({ masters }) => `${masters.ready}/${masters.desired}` },
  { title: 'AGENTS', value: ({ agents }) => `${agents.ready}/${agents.desired}` },
  { title: 'ENGINE', value: ({ spec }) => `${spec.engine} ${spec.version}`, dropAt: 2 },
  { title: 'LOCATION', value: ({ spec }) => spec.location, dropAt: 3 },
  { title: 'OPERATION', value: ({ operation }) => operation ?? '-', shrinkTo: 12, dropAt: 1 },
];

const ENDPOINTS: Column<Cluster['endpoints'][number]>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'ADDRESS', value: ({ fqdn }) => fqdn },
  { title: 'PORTS', value: ({ ports }) => ports.join(' '), shrinkTo: 8, dropAt: 1 },
];
