import { computeGroup, type ClusterRecord } from '../../shared/model/cluster';
import { refuse } from '../../shared/model/errors';
import { ENGINES } from '../../shared/model/engines';
import { masterFqdn } from '../../shared/model/names';
import type { DeploymentPart, World } from '../../shared/ports';
import type { DeployInput, OperationInput, Polled } from '../contracts';
import { withMasterDataKept } from './masters-data';
import { mayProceed, requireCluster, updateCluster } from './records';
import { pickVictims } from './scaling';
import type { Outcome } from '../../shared/model/errors';

const superseded = refuse('CANCELLED', 'another operation has taken over');

/** Only before the first deployment: afterwards the cluster's own cores are part of what is used, and Azure checks anew. */
export async function checkQuota(world: World, { cluster, only }: DeployInput): Promise<Outcome<object>> {
  if (only) return { ok: true }; // neither network nor storage takes cores
  const { spec } = await requireCluster(world, cluster);
  if (await world.cloud.getDeployment(cluster)) return { ok: true };
  const sizes = [
    { size: spec.masters.size, count: spec.masters.count },
    { size: spec.agents.size, count: spec.agents.count },
  ];
  return world.cloud.checkQuota({ location: spec.location, sizes });
}

/**
 * Makes the keys and the groups. The keys come first: a VM that boots must be able to join. Names the agents of an earlier
 * deployment that are too many now: the template's smaller capacity would have Azure choose, and drain nobody.
 */
export async function prepareCluster(
  world: World,
  { cluster, operationId }: OperationInput,
): Promise<Outcome<{ surplus?: string[] }>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const { spec } = await requireCluster(world, cluster);
  await world.mint.prepare(cluster);
  // The vault may take its time; a group made after a destroy has looked for it would stay for ever.
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const made = await world.cloud.ensureGroups(cluster, spec.location);
  if (!made.ok) return made;
  const { vmIds } = await pickVictims(world, { cluster, agents: spec.agents.count });
  return vmIds.length > 0 ? { ok: true, surplus: vmIds } : { ok: true };
}

export async function submitDeployment(
  world: World,
  { cluster, operationId, only }: DeployInput,
): Promise<Outcome<object>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const record = await requireCluster(world, cluster);
  const rendered = world.renderDeployment(await withParked(world, record), partOf(only));
  const { template, parameters } = await withMasterDataKept(world, cluster, rendered);
  const begun = await world.cloud.beginDeployment(cluster, template, parameters, partOf(only));
  // Endpoints tell that machines were submitted.
  if (begun.ok && !only) await updateCluster(world, cluster, (row) => ({ ...row, endpoints: endpointsOf(world, row) }));
  return begun;
}

/** Azure counts parked agents too: a capacity without them would have it delete as many, whichever it likes. */
async function withParked(world: World, record: ClusterRecord): Promise<ClusterRecord> {
  const rows = (await world.nodes.list(record.name)).map(({ record }) => record);
  const parked = rows.filter(({ role, state }) => role === 'agent' && state === 'parked').length;
  const { spec } = record;
  return { ...record, spec: { ...spec, agents: { ...spec.agents, count: spec.agents.count + parked } } };
}

const partOf = (only: DeployInput['only']): DeploymentPart => only ?? 'all';

function endpointsOf(
  world: World,
  { name, spec }: Parameters<World['renderDeployment']>[0],
): { name: string; fqdn: string; ports: number[] }[] {
  const { apiPort } = ENGINES[spec.engine];
  const ports = [...(spec.ingress.from.length > 0 ? [80, 443] : []), apiPort, ...(spec.ssh ? [spec.ssh.port] : [])];
  return Array.from({ length: spec.masters.count }, (_, index) => ({
    name: `master${index}`,
    fqdn: masterFqdn(name, spec.location, world.uniqueSuffix(name), index),
    ports,
  }));
}

export async function pollDeployment(
  world: World,
  { cluster, only }: DeployInput,
): Promise<Polled & { done: number; total: number }> {
  const [deployment, resources] = await Promise.all([
    world.cloud.getDeployment(cluster, partOf(only)),
    world.cloud.listDeploymentOperations(cluster, partOf(only)),
  ]);
  const count = {
    done: resources.filter(({ state }) => state === 'succeeded').length,
    total: Math.max(1, resources.length),
  };
  if (!deployment)
    return {
      ...count,
      state: 'failed',
      code: 'DEPLOYMENT_FAILED',
      message: `${computeGroup(cluster)} or its deployment is not there`,
    };
  if (deployment.state === 'succeeded') return { ...count, state: 'succeeded' };
  if (deployment.state === 'running') return { ...count, state: 'running', retryAfterMs: 10_000 };
  return {
    ...count,
    state: 'failed',
    code: deployment.code ?? 'DEPLOYMENT_FAILED',
    message: deployment.message ?? 'Azure gave no reason',
  };
}
