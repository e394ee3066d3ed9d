import { refuse, type Outcome } from '../../../model/errors';
import type { SwarmClient } from '../connection';
import { isDockerStatus, translatedDocker } from '../errors';
import { listNodeObjects, orAbsent, type NodeObject } from '../objects';
import { isOf, isTaskOf, listNetworks, listServices, listTasks, type WorkloadTask } from './inventory';
import { workloadOf } from './labels';
import { scaledService, withReplicas } from './replicas';
import { changeService } from './steps';

/** A repeat is harmless. */
export function scaleWorkload(client: SwarmClient, name: string, replicas: number): Promise<Outcome<object>> {
  return translatedDocker(`scale the workload ${name}`, async () => {
    const [own] = (await listServices(client)).filter(({ Spec }) => isOf(name, Spec.Labels));
    const found = workloadOf(own?.Spec.Labels);
    if (!found) return refuse('WORKLOAD_NOT_FOUND', `there is no workload ${name}`);
    const service = scaledService(name, found.kind);
    if (!service) return refuse('INVALID_REQUEST', `replicas: ${name} is of kind ${found.kind}, which has none`);
    if (await changeService(client, service, (spec) => withReplicas(spec, replicas))) return { ok: true };
    return refuse('WORKLOAD_REFUSED', `somebody has removed the service ${service}`);
  });
}

/**
 * One pass: its services, and once no task is left its networks, which Swarm would otherwise take away under containers that
 * still stop. Counts what is still there. Volumes lie on the nodes, out of the managers' reach, and stay.
 */
export function removeWorkload(client: SwarmClient, name: string): Promise<number> {
  return translatedDocker(`remove the workload ${name}`, async () => {
    const services = (await listServices(client)).filter(({ Spec }) => isOf(name, Spec.Labels));
    for (const { ID } of services) await orAbsent(client.getService(ID).remove());
    const [networks, tasks, nodes] = await Promise.all([
      listNetworks(client),
      listTasks(client),
      listNodeObjects(client),
    ]);
    const own = networks.filter(({ Labels }) => isOf(name, Labels));
    const running = tasks.filter((task) => isTaskOf(name, task) && isThere(task, nodes));
    if (running.length > 0) return own.length + running.length;
    const gone = await Promise.all(own.map(({ Id }) => isGone(client.getNetwork(Id).remove())));
    return gone.filter((isOne) => !isOne).length;
  });
}

const ALIVE: ReadonlySet<string> = new Set(['assigned', 'accepted', 'preparing', 'ready', 'starting', 'running']);

/** Of a machine that does not answer nobody hears that its containers have ended; they end with it. */
const isThere = ({ Status, NodeID }: WorkloadTask, nodes: NodeObject[]): boolean =>
  ALIVE.has(Status.State) && nodes.some(({ ID, Status: node }) => ID === NodeID && node?.State === 'ready');

/** False while something still uses it. */
async function isGone(removal: Promise<unknown>): Promise<boolean> {
  try {
    await orAbsent(removal);
    return true;
  } catch (error) {
    if (!isDockerStatus(error, 400, 403, 409)) throw error;
    return false;
  }
}
