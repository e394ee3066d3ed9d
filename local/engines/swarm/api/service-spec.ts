import { parseConstraint } from '../constraints';
import { DockerError, rpcError } from '../docker-error';
import type { Port, ServiceRecord, ServiceSpec, TaskSpec } from '../records';
import { bodyOf, findOne, labelsOf, requireName, type ClusterCall } from './call';

const refuse = (what: string): DockerError => rpcError('InvalidArgument', what);

/** The spec in the body as swarmkit keeps it: checked, with networks by id, and with what it fills in. */
export function specOf(call: ClusterCall): ServiceSpec {
  const body = known(bodyOf(call.request));
  const task = (body.TaskTemplate ?? {}) as Partial<TaskSpec>;
  const spec: ServiceSpec = {
    ...body,
    Name: requireName(body.Name, refuse),
    Labels: labelsOf(body.Labels),
    TaskTemplate: {
      ...task,
      ContainerSpec: { Isolation: 'default', ...task.ContainerSpec, Image: imageOf(task) },
      ...(task.Networks && { Networks: task.Networks.map((one) => ({ ...one, Target: networkId(call, one.Target) })) }),
      ForceUpdate: task.ForceUpdate ?? 0,
      Runtime: 'container',
    },
    Mode: modeOf(body.Mode ?? {}),
    ...(body.Networks && { Networks: body.Networks.map((one) => ({ ...one, Target: networkId(call, one.Target) })) }),
    EndpointSpec: { Mode: 'vip', ...body.EndpointSpec, ...portsOf(body.EndpointSpec?.Ports) },
  };
  for (const text of spec.TaskTemplate.Placement?.Constraints ?? []) parseConstraint(text);
  requireNothingElse(spec.TaskTemplate.ContainerSpec);
  requireNumbers(spec);
  return spec;
}

/** Networks of every node by itself. Swarmkit gives them ids of its own, and leaves them out of every listing. */
const NODE_NETWORKS: Record<string, string> = {
  host: 'hostnetworkofeverynode000',
  bridge: 'bridgenetworkofeverynode0',
};

const FIELDS = ['Name', 'Labels', 'TaskTemplate', 'Mode', 'UpdateConfig', 'RollbackConfig', 'Networks', 'EndpointSpec'];

/** Go's decoder drops what it does not know; clients send their query in the body as well. */
const known = (body: object): Partial<ServiceSpec> =>
  Object.fromEntries(Object.entries(body).filter(([key]) => FIELDS.includes(key)));

/** moby `populateNetworkID`: the refusal has no status of its own, hence 500. */
function networkId({ objects }: ClusterCall, term: string): string {
  const ofNodes = Object.entries(NODE_NETWORKS).find((names) => names.includes(term));
  if (ofNodes) return ofNodes[1];
  const all = objects.networks.list();
  if (!all.some(({ ID, Name }) => Name === term || ID.startsWith(term)))
    throw new DockerError(500, `network ${term} not found`);
  const found = findOne('network', all, term, ({ Name }) => Name);
  if (found.Ingress) throw refuse(`Service cannot be explicitly attached to the ingress network "${found.Name}"`);
  return found.ID;
}

/** `reference.ParseNormalizedNamed`, as far as images of services go: names are in lower case. */
const IMAGE = /^[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?$/;

function imageOf({ ContainerSpec }: Partial<TaskSpec>): string {
  const image = ContainerSpec?.Image ?? '';
  if (image === '') throw refuse('ContainerSpec: image reference must be provided');
  if (!IMAGE.test(image)) throw refuse(`ContainerSpec: "${image}" is not a valid repository/tag`);
  return image;
}

function modeOf({ Replicated, Global, ...others }: ServiceSpec['Mode']): ServiceSpec['Mode'] {
  if (Object.keys(others).length > 0) throw refuse('Unrecognized service mode');
  if (Global && Replicated) throw new DockerError(400, 'cannot specify both replicated mode and global mode');
  if (Global) return { Global: {} };
  return { Replicated: { Replicas: Replicated?.Replicas ?? 1 } };
}

function portsOf(given: Port[] | undefined): { Ports?: Port[] } {
  if (!given?.length) return {};
  const Ports = given.map((port) => ({
    ...port,
    Protocol: port.Protocol || 'tcp',
    PublishMode: port.PublishMode || 'ingress',
  }));
  const published = Ports.filter(({ PublishedPort }) => PublishedPort).map(portKey);
  if (new Set(published).size < published.length) throw refuse('EndpointSpec: duplicate published ports provided');
  return { Ports };
}

const portKey = ({ PublishedPort, Protocol }: Port): string => `${PublishedPort}/${Protocol}`;

/** This swarm has no secrets and no configs, so that every one is missing. */
function requireNothingElse({ Secrets = [], Configs = [] }: TaskSpec['ContainerSpec']): void {
  const names = (all: unknown, key: string): string =>
    (all as Record<string, string>[]).map((one) => one[key]).join(', ');
  const [secrets, configs] = [names(Secrets, 'SecretName'), names(Configs, 'ConfigName')];
  if (secrets !== '') throw refuse(`secret not found: ${secrets}`);
  if (configs !== '') throw refuse(`config not found: ${configs}`);
}

const MIN_NANO_CPUS = 1e6;
const MIN_MEMORY = 4 * 1024 * 1024;

function requireNumbers({ TaskTemplate: { Resources, RestartPolicy }, UpdateConfig, Mode }: ServiceSpec): void {
  for (const { NanoCPUs = 0, MemoryBytes = 0 } of [Resources?.Limits ?? {}, Resources?.Reservations ?? {}]) {
    if (NanoCPUs !== 0 && NanoCPUs < MIN_NANO_CPUS)
      throw refuse(`invalid cpu value ${NanoCPUs / 1e9}: Must be at least 0.001`);
    if (MemoryBytes !== 0 && MemoryBytes < MIN_MEMORY)
      throw refuse(`invalid memory value ${MemoryBytes}: Must be at least 4MiB`);
  }
  if ((RestartPolicy?.Delay ?? 0) < 0) throw refuse('TaskSpec: restart-delay cannot be negative');
  if ((UpdateConfig?.Delay ?? 0) < 0) throw refuse('TaskSpec: update-delay cannot be negative');
  if ((Mode.Replicated?.Replicas ?? 0) < 0) throw refuse('Number of replicas must be non-negative');
}

/** A port of the routing mesh belongs to one service; ports of hosts are shared, and the scheduler keeps them apart. */
export function requireFreePorts(all: ServiceRecord[], spec: ServiceSpec, ownId: string): void {
  for (const { ID, Spec, Endpoint } of all.filter((service) => service.ID !== ownId))
    for (const taken of Endpoint.Ports ?? [])
      for (const wanted of spec.EndpointSpec?.Ports ?? []) {
        const isShared = taken.PublishMode === 'host' && wanted.PublishMode === 'host';
        if (!taken.PublishedPort || portKey(taken) !== portKey(wanted) || isShared) continue;
        const kind = taken.PublishMode === 'host' ? 'a host-published' : 'an ingress';
        throw refuse(
          `port '${taken.PublishedPort}' is already in use by service '${Spec.Name}' (${ID}) as ${kind} port`,
        );
      }
}

const FIRST_DYNAMIC_PORT = 30_000;

/** The ports as they are published: those without a number get one. */
export function publishedPorts(all: ServiceRecord[], { EndpointSpec }: ServiceSpec): Port[] {
  const taken = new Set(all.flatMap(({ Endpoint }) => Endpoint.Ports ?? []).map(({ PublishedPort }) => PublishedPort));
  let next = FIRST_DYNAMIC_PORT;
  const free = (): number => {
    while (taken.has(next)) next += 1;
    taken.add(next);
    return next;
  };
  return (EndpointSpec?.Ports ?? []).map((port) => ({ ...port, PublishedPort: port.PublishedPort || free() }));
}
