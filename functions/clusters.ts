import { presentCluster, presentNode, type ScaleSchema } from '../shared/api';
import {
  CLUSTER_NAME,
  immutableChanges,
  withAgents,
  type ClusterRecord,
  type ClusterSpec,
} from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import type { World } from '../shared/ports';
import type { z } from 'zod';
import { begin, inProgress, started } from './begin';
import { invalid, type Call, type Reply } from './respond';

export function clusterName(call: Pick<Call, 'params'>): string {
  const name = call.params['c'] ?? '';
  if (CLUSTER_NAME.test(name)) return name;
  throw invalid([
    {
      field: 'c',
      message: `a cluster’s name is 3 to 24 lower-case letters, digits and hyphens and starts with a letter (${CLUSTER_NAME.source})`,
    },
  ]);
}

export async function requireCluster(
  call: Pick<Call, 'params' | 'world'>,
): Promise<{ record: ClusterRecord; etag: string }> {
  const name = clusterName(call);
  const found = await call.world.clusters.get(name);
  if (!found)
    throw new AppError('CLUSTER_NOT_FOUND', `there is no cluster ${name}; GET /api/clusters lists those that are`);
  return found;
}

const nodesOf = async (world: World, cluster: string) => (await world.nodes.list(cluster)).map(({ record }) => record);
const present = async (world: World, record: ClusterRecord) =>
  presentCluster(record, await nodesOf(world, record.name));
const isPreview = (call: Call): boolean => call.query['whatIf'] === 'true';
const preview = (verb: string, would: string[]): Reply => ({ status: 200, body: { whatIf: true, verb, would } });

export async function listClusters({ world }: Call): Promise<Reply> {
  const records = await world.clusters.list();
  return { status: 200, body: { clusters: await Promise.all(records.map((record) => present(world, record))) } };
}

export async function getCluster(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  return { status: 200, body: await present(call.world, record) };
}

export async function listNodes(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const nodes = (await nodesOf(call.world, record.name)).map(presentNode);
  return {
    status: 200,
    body: { nodes: nodes.sort((a, b) => b.role.localeCompare(a.role) || a.name.localeCompare(b.name)) },
  };
}

export async function listEndpoints(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  return { status: 200, body: { endpoints: record.endpoints } };
}

const DEFAULT_EVENTS = 200;

export async function listEvents(call: Call): Promise<Reply> {
  const cluster = clusterName(call);
  const { since, limit } = call.query;
  const events = await call.world.events.list(cluster, {
    since: since === undefined ? undefined : String(since),
    limit: Number(limit ?? DEFAULT_EVENTS),
  });
  if (events.length === 0 && since === undefined) await requireCluster(call); // a destroyed cluster keeps its events
  return { status: 200, body: { events: events.map(({ cluster: _, ...event }) => event) } };
}

export async function getTemplate(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const { cloud } = call.world;
  const [deployment, template] = await Promise.all([cloud.getDeployment(record.name), cloud.getTemplate(record.name)]);
  if (!deployment || !template)
    throw new AppError('NO_DEPLOYMENT', `nothing of ${record.name} has been submitted to Azure yet`);
  return { status: 200, body: { template, parameters: deployment.parameters } };
}

export async function getDeployment(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  return { status: 200, body: { operations: await call.world.cloud.listDeploymentOperations(record.name) } };
}

export async function putCluster(call: Call<ClusterSpec>): Promise<Reply> {
  const name = clusterName(call);
  const spec = call.body;
  if (spec.engine === 'swarm')
    throw new AppError('UNSUPPORTED_ENGINE', 'engine: swarm is not available in this release; use k3s');
  const found = await call.world.clusters.get(name);
  if (!found) return create(call, name, spec);
  const { record } = found;
  const same = JSON.stringify(record.spec) === JSON.stringify(spec);
  if (same && record.phase !== 'failed' && record.phase !== 'deleting')
    return { status: 200, body: await present(call.world, record) };
  if (record.operation) throw inProgress(record.name, record.operation);
  return same ? redeploy(call, found) : converge(call, found, spec);
}

async function create(call: Call<ClusterSpec>, name: string, spec: ClusterSpec): Promise<Reply> {
  const would = [
    `create the resource groups ${name}-compute and ${name}-storage`,
    `deploy ${spec.masters.count} masters and ${spec.agents.count} agents in ${spec.location}`,
  ];
  if (isPreview(call)) return preview('deploy', would);
  const operation = await begin(call, name, { verb: 'deploy', create: spec });
  return started(operation);
}

async function redeploy(call: Call<ClusterSpec>, { record }: { record: ClusterRecord }): Promise<Reply> {
  if (isPreview(call)) return preview('deploy', ['submit the deployment again']);
  return started(
    await begin(call, record.name, {
      verb: 'deploy',
      change: (row) => ({ ...row, phase: 'deploying', phaseReason: '' }),
    }),
  );
}

/** Changes of the agents' number are an operation; of limits, drift and chaos a row; others cannot be made here. */
async function converge(
  call: Call<ClusterSpec>,
  { record, etag }: { record: ClusterRecord; etag: string },
  spec: ClusterSpec,
): Promise<Reply> {
  const fixed = immutableChanges(record.spec, spec);
  if (fixed.length > 0)
    throw new AppError('IMMUTABLE_FIELD', `${fixed.join(', ')} cannot change; destroy the cluster and deploy it anew`, {
      detail: { errors: fixed.map((field) => ({ field, message: 'cannot change' })) },
    });
  const unsupported = unsupportedChanges(record.spec, spec);
  if (unsupported.length > 0)
    throw new AppError('UNSUPPORTED_CHANGE', `${unsupported.join(', ')} cannot be changed in this release`, {
      detail: { errors: unsupported.map((field) => ({ field, message: 'cannot be changed in this release' })) },
    });
  const agents = spec.agents.count;
  const verb = record.phase === 'failed' ? 'deploy' : 'scale';
  if (isPreview(call)) return preview(verb, [previewOf(verb, record.spec.agents.count, agents)]);
  if (agents === record.spec.agents.count && verb === 'scale') return store(call, { record, etag }, spec);
  return started(
    await begin(call, record.name, {
      verb,
      input: { agents },
      change: (row) => ({ ...row, spec, ...(verb === 'deploy' ? { phase: 'deploying' as const } : {}) }),
    }),
  );
}

function previewOf(verb: 'deploy' | 'scale', before: number, after: number): string {
  if (before !== after) return `change the number of agents from ${before} to ${after}`;
  return verb === 'deploy'
    ? 'submit the deployment again'
    : 'note the changed limits and policies; no resource changes';
}

async function store(
  call: Call,
  { record, etag }: { record: ClusterRecord; etag: string },
  spec: ClusterSpec,
): Promise<Reply> {
  const updated = { ...record, spec, updatedAt: new Date(call.world.clock.now()).toISOString() };
  if (!(await call.world.clusters.replace(updated, etag)))
    throw new AppError('AZURE_UNAVAILABLE', 'the cluster changed meanwhile; send the request again', {
      retryAfterMs: 1000,
    });
  await call.world.events.append([
    {
      cluster: record.name,
      id: `${updated.updatedAt}-${record.name}-spec`,
      at: updated.updatedAt,
      type: 'cluster.spec',
      subject: record.name,
      cause: 'operator',
      message: 'limits and policies were changed',
    },
  ]);
  return { status: 200, body: await present(call.world, updated) };
}

function unsupportedChanges(before: ClusterSpec, after: ClusterSpec): string[] {
  const fields = { version: 'version', ssh: 'ssh', ingress: 'ingress' } as const;
  const changed: string[] = Object.keys(fields).filter(
    (field) => JSON.stringify(before[field as 'ssh']) !== JSON.stringify(after[field as 'ssh']),
  );
  for (const field of ['size', 'maxPrice', 'diskGiB', 'autoscale'] as const) {
    if (JSON.stringify(before.agents[field]) !== JSON.stringify(after.agents[field])) changed.push(`agents.${field}`);
  }
  return changed;
}

export async function scaleCluster(call: Call<z.infer<typeof ScaleSchema>>): Promise<Reply> {
  const { record } = await requireCluster(call);
  const { agents, reclaim } = call.body;
  const { count } = record.spec.agents;
  requireWithin(record, agents);
  if (reclaim === 'park')
    throw new AppError('UNSUPPORTED_CHANGE', 'reclaim: park is not available in this release; use delete');
  if (record.operation) throw inProgress(record.name, record.operation);
  requireScalable(record);
  if (isPreview(call))
    return preview('scale', [
      agents >= count ? `add ${agents - count} agents` : `drain and delete ${count - agents} agents`,
    ]);
  const change = (row: ClusterRecord): ClusterRecord => {
    requireWithin(row, agents); // this row is the one that is taken: since the first look it may have changed
    requireScalable(row);
    return { ...row, spec: withAgents(row.spec, agents) };
  };
  return started(await begin(call, record.name, { verb: 'scale', input: { agents }, change }));
}

function requireWithin({ spec }: ClusterRecord, agents: number): void {
  const { min, max } = spec.agents;
  if (agents >= min && agents <= max) return;
  throw invalid([{ field: 'agents', message: `must be between min (${min}) and max (${max}) of the cluster` }]);
}

function requireScalable({ name, phase, phaseReason }: ClusterRecord): void {
  if (phase !== 'failed' && phase !== 'deploying') return;
  throw new AppError('CLUSTER_NOT_READY', `${name} is ${phase}: ${phaseReason}; deploy it again first`);
}

export async function destroyCluster(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const storage = call.query['storage'] ?? 'delete';
  const groups = storage === 'keep' ? [`${record.name}-compute`] : [`${record.name}-compute`, `${record.name}-storage`];
  if (isPreview(call))
    return preview(
      'destroy',
      groups.map((group) => `delete the resource group ${group} and everything in it`),
    );
  const change = (row: ClusterRecord): ClusterRecord => ({ ...row, phase: 'deleting', phaseReason: '' });
  return started(await begin(call, record.name, { verb: 'destroy', input: { storage }, change, preempt: true }));
}
