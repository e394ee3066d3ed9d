import { refuse, type Outcome } from '../../shared/model/errors';
import type { DeploymentPart, World } from '../../shared/ports';
import type { DoomedMaster, Polled } from '../contracts';
import { look } from './observation';
import { mayProceed, requireCluster, writeEvent } from './records';

interface Removal {
  cluster: string;
  operationId: string;
  doomed: DoomedMaster;
}
interface Making {
  cluster: string;
  operationId: string;
  name: string;
}

const superseded = refuse('CANCELLED', 'another operation has taken over');

/** Deletes the very VM that was doomed: one that has come under its name since is another. */
export async function deleteMasterVm(
  world: World,
  { cluster, operationId, doomed: { name, vmId } }: Removal,
): Promise<Outcome<{ pollers: string[] }>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const machine = await world.cloud.getMachine(cluster, 'master', name);
  if (!machine || machine.vmId.toLowerCase() !== vmId) return { ok: true, pollers: [] };
  const begun = await world.cloud.deleteMaster(cluster, name);
  const message = `deletion of ${name} ${begun.ok ? 'begun' : `refused: ${begun.message}`}, to make it anew`;
  await writeEvent(world, { cluster, type: 'master.deleted', subject: name, cause: operationId, message });
  return begun.ok ? { ok: true, pollers: [begun.poller] } : begun;
}

export async function confirmMasterGone(
  world: World,
  { cluster, operationId, doomed: { vmId } }: Removal,
): Promise<{ gone: boolean; agents: number }> {
  const { machines, rows } = await look(world, cluster, operationId);
  const agents = rows.filter(({ role }) => role === 'agent').length;
  return { gone: !machines.some((machine) => machine.vmId === vmId), agents };
}

/** Submits one master. A repeat converges: what is there already is left as it is. */
export async function submitMaster(world: World, { cluster, operationId, name }: Making): Promise<Outcome<object>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const record = await requireCluster(world, cluster);
  const part = partOf(name);
  const { template, parameters } = world.renderDeployment(record, part);
  const begun = await world.cloud.beginDeployment(cluster, template, parameters, part);
  const message = `${name} is ${begun.ok ? 'being deployed anew' : `not deployed: ${begun.message}`}`;
  await writeEvent(world, { cluster, type: 'master.deployed', subject: name, cause: operationId, message });
  return begun;
}

export async function pollMaster(world: World, { cluster, name }: Making): Promise<Polled> {
  const deployment = await world.cloud.getDeployment(cluster, partOf(name));
  if (deployment?.state === 'succeeded') return { state: 'succeeded' };
  if (deployment?.state === 'running') return { state: 'running', retryAfterMs: 10_000 };
  const { code = 'DEPLOYMENT_FAILED', message = 'Azure gave no reason' } = deployment ?? {};
  return { state: 'failed', code, message };
}

/** Each master's deployment has a name of its own, so that it never hides what the cluster was deployed with. */
const partOf = (name: string): DeploymentPart => name as DeploymentPart;
