import { refuse, type Outcome } from '../../shared/model/errors';
import { isServing } from '../../shared/model/node';
import type { World } from '../../shared/ports';
import { withMasterDataKept } from './masters-data';
import { mayProceed, requireCluster, updateCluster, writeEvent } from './records';

interface Held {
  cluster: string;
  operationId: string;
}

const superseded = refuse('CANCELLED', 'another operation has taken over');

export async function setAgentSize(
  world: World,
  { cluster, operationId, size }: Held & { size: string },
): Promise<Outcome<{ pollers: string[] }>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const scaleSet = await world.cloud.getScaleSet(cluster);
  if (!scaleSet) return refuse('DEPLOYMENT_FAILED', 'the scale set is not there');
  if (scaleSet.size === size) return { ok: true, pollers: [] };
  const begun = await world.cloud.setAgentSize(cluster, size, scaleSet.etag);
  return begun.ok ? { ok: true, pollers: [begun.poller] } : begun;
}

export async function noteAgentSize(
  world: World,
  { cluster, operationId, size }: Held & { size: string },
): Promise<{ vmIds: string[]; parked?: number }> {
  const before = (await requireCluster(world, cluster)).spec.agents.size;
  await updateCluster(world, cluster, (row) =>
    row.operation === operationId && row.spec.agents.size !== size
      ? { ...row, spec: { ...row.spec, agents: { ...row.spec.agents, size } } }
      : undefined,
  );
  if (before !== size) {
    const message = `agents to come are ${size}, they were ${before}`;
    await writeEvent(world, { cluster, type: 'cluster.size', subject: cluster, cause: operationId, message });
  }
  return othersThan(world, cluster, size);
}

/** Agents on machines of another size. Those that have failed are replaced soon, by machines of the new one. */
async function othersThan(world: World, cluster: string, size: string): Promise<{ vmIds: string[]; parked?: number }> {
  const states = new Map((await world.nodes.list(cluster)).map(({ record }) => [record.vmId, record.state]));
  const machines = await world.cloud.listMachines(cluster);
  const others = machines
    .filter((machine) => machine.role === 'agent' && machine.size !== size && machine.provisioning !== 'deleting')
    .map(({ vmId }) => ({ vmId, state: states.get(vmId) ?? 'expected' }));
  const parked = others.filter(({ state }) => state === 'parked').length;
  const due = others.filter(({ state }) => isServing(state) && state !== 'failed');
  return { vmIds: due.map(({ vmId }) => vmId), ...(parked > 0 ? { parked } : {}) };
}

/** A smaller capacity than Azure's would have Azure choose who goes, and a larger one is for the scale to ask for. */
export async function resubmitDeployment(world: World, { cluster, operationId }: Held): Promise<Outcome<object>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const record = await requireCluster(world, cluster);
  const scaleSet = await world.cloud.getScaleSet(cluster);
  if (!scaleSet) return refuse('DEPLOYMENT_FAILED', 'the scale set is not there');
  const { capacity: count, size } = scaleSet;
  const spec = { ...record.spec, agents: { ...record.spec.agents, count, size } };
  const rendered = world.renderDeployment({ ...record, spec });
  const { template, parameters } = await withMasterDataKept(world, cluster, rendered);
  return world.cloud.beginDeployment(cluster, template, parameters);
}
