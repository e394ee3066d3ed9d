import type { NetworkInspectInfo } from 'dockerode';
import type { Workload } from '../../../model/workload';
import type { SwarmClient } from '../connection';
import { translatedDocker } from '../errors';
import { listNodeObjects, type NodeObject } from '../objects';
import { isOf, listNetworks, listServices, listTasks, type RunningService, type WorkloadTask } from './inventory';
import { MARK_LABEL, PARTS_LABEL, workloadOf, type WorkloadId } from './labels';
import { problemsOf } from './problems';
import { isDone, rolloutOf } from './rollout';

/** Everything that the workloads consist of and that counts: four listings, however many workloads there are. */
interface Inventory {
  services: RunningService[];
  networks: NetworkInspectInfo[];
  tasks: WorkloadTask[];
  nodes: NodeObject[];
}

/** By name. One of which only a network is left is in it as well: it is still to be removed. */
export function listWorkloads(client: SwarmClient): Promise<Workload[]> {
  return translatedDocker('list the workloads', async () => {
    const [services, networks, tasks, nodes] = await Promise.all([
      listServices(client),
      listNetworks(client),
      listTasks(client),
      listNodeObjects(client),
    ]);
    const labels = [...services.map(({ Spec }) => Spec.Labels), ...networks.map(({ Labels }) => Labels)];
    const ids = new Map(labels.flatMap((each) => workloadOf(each) ?? []).map((id) => [id.name, id]));
    const all = { services, networks, tasks, nodes };
    return [...ids.values()].sort((a, b) => a.name.localeCompare(b.name)).map((id) => toWorkload(id, all));
  });
}

function toWorkload({ name, kind }: WorkloadId, all: Inventory): Workload {
  const services = all.services
    .filter(({ Spec }) => isOf(name, Spec.Labels))
    .sort((a, b) => a.Spec.Name.localeCompare(b.Spec.Name))
    .map((service) => {
      const tasks = all.tasks.filter(({ ServiceID }) => ServiceID === service.ID);
      return { service, tasks, rollout: rolloutOf(service, tasks, all.nodes) };
    });
  const networks = all.networks.filter(({ Labels }) => isOf(name, Labels)).map(({ Name }) => `Network ${Name}`);
  const ports = services.flatMap(({ service }) => portsOf(service)).sort((a, b) => a - b);
  const mark = markOf(services.map(({ service }) => service));
  return {
    name,
    kind,
    desired: sum(services.map(({ rollout }) => rollout.desired)),
    ready: sum(services.map(({ rollout }) => rollout.ready)),
    objects: [...networks.sort(), ...services.map(({ service }) => `Service ${service.Spec.Name}`)],
    ...(ports.length > 0 && { ports }),
    problems: problemsOf(services.filter(({ rollout }) => !isDone(rollout))),
    ...(mark && { mark }),
  };
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Swarm may have chosen them. */
const portsOf = ({ Endpoint }: RunningService): number[] =>
  (Endpoint?.Ports ?? []).flatMap(({ PublishedPort }) => PublishedPort ?? []);

/** Of the change that has written all services, and as many as it has; a change that broke off has left no such mark. */
function markOf(services: RunningService[]): string | undefined {
  const marks = new Set(services.map(({ Spec }) => `${Spec.Labels[MARK_LABEL]} ${Spec.Labels[PARTS_LABEL]}`));
  const { [MARK_LABEL]: mark, [PARTS_LABEL]: parts } = services[0]?.Spec.Labels ?? {};
  return marks.size === 1 && parts === `${services.length}` ? mark : undefined;
}
