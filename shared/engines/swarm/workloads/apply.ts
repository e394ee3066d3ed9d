import type { NetworkInspectInfo } from 'dockerode';
import { refuse, type Outcome, type Refusal } from '../../../model/errors';
import { SCALABLE_KINDS, type WorkloadChange } from '../../../model/workload';
import type { SwarmClient } from '../connection';
import { isDockerStatus, translatedDocker } from '../errors';
import type { WorkloadService } from './compose/service-spec';
import { fileOf, type Surroundings } from './files';
import { isOf, listNetworks, listServices, type RunningService } from './inventory';
import { workloadOf } from './labels';
import { meshPorts, planOf, type Plan } from './plan';
import { scaledService, withReplicas } from './replicas';
import { attempt, makeNetwork, putService, removeService, type Step } from './steps';

const DEFAULT_REPLICAS = 2;

/** What of the swarm a change meets. */
interface Found {
  services: RunningService[];
  networks: NetworkInspectInfo[];
}

/**
 * Makes or changes a workload: its networks, then its services, then those services go that the change leaves out. Swarm
 * cannot be asked beforehand, so everything that can be known to be wrong is refused first, and what Swarm refuses then is
 * taken back. Every service carries the change's mark and the number of services, so a change that broke off is told from
 * one that was made to its end. A repeat restarts nothing.
 */
export function applyWorkload(client: SwarmClient, change: WorkloadChange): Promise<Outcome<object>> {
  return translatedDocker(`apply the workload ${change.name}`, async () => {
    const [services, networks] = await Promise.all([listServices(client), listNetworks(client)]);
    const found = { services, networks };
    const file = fileOf(change, surroundingsOf(found, change));
    if (!file.ok) return file;
    const made = planOf(change, file.file);
    if (!made.ok) return made;
    const plan = scaled(made.plan, change);
    const refusal = whyTaken(found, change, plan) ?? whyFixed(found, plan);
    if (refusal) return refusal;
    const refused = await attempt(stepsOf(client, change.name, { found, plan }));
    if (refused) return refused;
    await pruneNetworks(client, change.name, { found, plan });
    return { ok: true };
  });
}

function surroundingsOf({ services }: Found, { name }: WorkloadChange): Surroundings {
  const others = services.filter(({ Spec }) => !isOf(name, Spec.Labels));
  const env = services.find(({ Spec }) => isOf(name, Spec.Labels) && Spec.Name === 'monitor_door')?.Spec.TaskTemplate
    .ContainerSpec?.Env;
  return {
    isWebFree: !others.flatMap(publishedBy).includes('80/tcp'),
    password: env?.map((line) => /^MONITOR_PASSWORD=(.+)$/.exec(line)?.[1]).find((password) => password !== undefined),
  };
}

/** As Swarm has published them, in the mesh or on hosts. */
const publishedBy = ({ Endpoint }: RunningService): string[] =>
  (Endpoint?.Ports ?? []).map(({ PublishedPort, Protocol = 'tcp' }) => `${PublishedPort}/${Protocol}`);

function scaled({ networks, services }: Plan, { name, kind, replicas = DEFAULT_REPLICAS }: WorkloadChange): Plan {
  const target = SCALABLE_KINDS.includes(kind) ? scaledService(name, kind) : undefined;
  return {
    networks,
    services: services.map((service) => (service.Name === target ? withReplicas(service, replicas) : service)),
  };
}

/** What is somebody else's: the name, a service, a network, a port. */
function whyTaken({ services, networks }: Found, { name, kind }: WorkloadChange, plan: Plan): Refusal | undefined {
  const before = [...services.map(({ Spec }) => Spec.Labels), ...networks.map(({ Labels }) => Labels)]
    .map((labels) => workloadOf(labels))
    .find((workload) => workload?.name === name);
  if (before && before.kind !== kind)
    return refuse('INVALID_REQUEST', `kind: ${name} is of kind ${before.kind}; remove it first, or take another name`);
  const others = services.filter(({ Spec }) => !isOf(name, Spec.Labels));
  const wanted = plan.services.map(({ Name }) => Name);
  const foreign = others.find(({ Spec }) => wanted.includes(Spec.Name));
  if (foreign) return refuse('WORKLOAD_REFUSED', `the service ${foreign.Spec.Name} is somebody else’s`);
  const theirs = networks.find(
    ({ Name, Labels }) => !isOf(name, Labels) && plan.networks.some((network) => network.Name === Name),
  );
  if (theirs) return refuse('WORKLOAD_REFUSED', `the network ${theirs.Name} is somebody else’s`);
  for (const service of plan.services)
    for (const port of meshPorts(service)) {
      const holder = others.find((other) => publishedBy(other).includes(port));
      if (holder) return refuse('WORKLOAD_REFUSED', `the port ${port} is published by the service ${holder.Spec.Name}`);
    }
  return undefined;
}

/** What Swarm never changes of a thing once it is there. */
function whyFixed({ services, networks }: Found, plan: Plan): Refusal | undefined {
  const isGlobal = ({ Mode }: WorkloadService): boolean => Mode?.Global !== undefined;
  const turned = plan.services.find((wanted) =>
    services.some(({ Spec }) => Spec.Name === wanted.Name && isGlobal(Spec) !== isGlobal(wanted)),
  );
  if (turned)
    return refuse(
      'WORKLOAD_REFUSED',
      `${turned.Name} cannot turn from replicated to global or back; call it otherwise`,
    );
  const rebuilt = plan.networks.find((wanted) =>
    networks.some(
      ({ Name, Attachable, Internal }) =>
        Name === wanted.Name && (Attachable !== wanted.Attachable || Internal !== wanted.Internal),
    ),
  );
  return rebuilt && refuse('WORKLOAD_REFUSED', `the network ${rebuilt.Name} cannot be changed; call it otherwise`);
}

interface Writing {
  found: Found;
  plan: Plan;
}

/** Who gives a port up comes before who takes it. */
function stepsOf(client: SwarmClient, workload: string, { found, plan }: Writing): Step[] {
  const own = found.services.filter(({ Spec }) => isOf(workload, Spec.Labels));
  const wantedPorts = plan.services.flatMap(meshPorts);
  const dropped = own.filter(({ Spec }) => !plan.services.some(({ Name }) => Name === Spec.Name));
  const isInTheWay = (service: RunningService): boolean =>
    publishedBy(service).some((port) => wantedPorts.includes(port));
  const rank = (wanted: WorkloadService): number => {
    const before = own.find(({ Spec }) => Spec.Name === wanted.Name);
    if (!before) return 2;
    return meshPorts(before.Spec).every((port) => meshPorts(wanted).includes(port)) ? 1 : 0;
  };
  return [
    ...plan.networks
      .filter(({ Name }) => !found.networks.some((network) => network.Name === Name))
      .map((network) => makeNetwork(client, network)),
    ...dropped.filter(isInTheWay).map((service) => removeService(client, service)),
    ...plan.services.toSorted((a, b) => rank(a) - rank(b)).map((service) => putService(client, service)),
    ...dropped.filter((service) => !isInTheWay(service)).map((service) => removeService(client, service)),
  ];
}

/** Those that the change leaves out. One that tasks are still leaving stays until the next change, or the end of the workload. */
async function pruneNetworks(client: SwarmClient, workload: string, { found, plan }: Writing): Promise<void> {
  const dropped = found.networks.filter(
    ({ Name, Labels }) => isOf(workload, Labels) && !plan.networks.some((wanted) => wanted.Name === Name),
  );
  for (const { Id } of dropped)
    try {
      await client.getNetwork(Id).remove();
    } catch (error) {
      if (!isDockerStatus(error, 400, 403, 404, 409)) throw error;
    }
}
