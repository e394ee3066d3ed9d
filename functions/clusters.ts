import { presentCluster, presentNode, presentOperation } from '../shared/api';
import { CLUSTER_NAME, type ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import type { World } from '../shared/ports';
import { listRows } from './chosen-nodes';
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

/** The cluster as it is answered, with its nodes counted. */
export const presentWithNodes = async (world: World, record: ClusterRecord): Promise<unknown> =>
  presentCluster(record, await listRows(world, record.name));

export async function listClusters({ world }: Call): Promise<Reply> {
  const records = await world.clusters.list();
  return {
    status: 200,
    body: { clusters: await Promise.all(records.map((record) => presentWithNodes(world, record))) },
  };
}

export async function getCluster(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  return { status: 200, body: await presentWithNodes(call.world, record) };
}

export async function listNodes(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const nodes = await listRows(call.world, record.name);
  return { status: 200, body: { nodes: nodes.map(presentNode) } };
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

const DEFAULT_OPERATIONS = 50;

export async function listOperations(call: Call): Promise<Reply> {
  const cluster = clusterName(call);
  const operations = await call.world.operations.listByCluster(
    cluster,
    Number(call.query['limit'] ?? DEFAULT_OPERATIONS),
  );
  if (operations.length === 0) await requireCluster(call); // a destroyed cluster keeps its operations
  return { status: 200, body: { operations: operations.map(presentOperation) } };
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
