import type { SimResponse } from '../../../azure/http';
import { badRequest, DockerError, json, rpcError } from '../docker-error';
import { TASK_STATES, type Labels, type NetworkRecord, type TaskState } from '../records';
import { nextSubnet } from '../subnets';
import { asManager, bodyOf, labelsOf, requireName, type Call, type ClusterCall } from './call';
import { filtersOf, hasLabels, hasPrefix } from './filters';

interface Network {
  Id: string;
  Name: string;
  Driver: string;
  Scope: string;
  Labels: Labels;
}

/** Networks have no version in Docker's API, and other names for what all else has. */
const present = (network: NetworkRecord) => ({
  Name: network.Name,
  Id: network.ID,
  Created: network.CreatedAt,
  Scope: 'swarm',
  Driver: 'overlay',
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: { ...network.IPAM, Options: null },
  Internal: network.Internal,
  Attachable: network.Attachable,
  Ingress: network.Ingress,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Containers: null,
  Options: network.Options,
  Labels: network.Labels,
});

/** Every daemon has these of its own. */
const LOCAL_NETWORKS: Network[] = ['bridge', 'host', 'none'].map((Name) => ({
  Name,
  Id: Buffer.from(Name.padEnd(32, '.')).toString('hex'),
  Scope: 'local',
  Driver: Name === 'none' ? 'null' : Name,
  Internal: false,
  Attachable: false,
  Ingress: false,
  Options: {},
  Labels: {},
}));

/** A daemon that may not ask the swarm has its own networks, and does not say that others are missing (moby `network_routes.go`). */
function networksOf(call: Call): Network[] {
  try {
    return [...asManager(call).objects.networks.list().map(present), ...LOCAL_NETWORKS];
  } catch (error) {
    if (error instanceof DockerError) return LOCAL_NETWORKS;
    throw error;
  }
}

export function listNetworks(call: Call): SimResponse {
  const filters = filtersOf(call.request, ['driver', 'id', 'label', 'name', 'scope', 'type', 'dangling']);
  const chosen = networksOf(call).filter(
    (network) =>
      (filters.name ?? ['']).some((name) => network.Name.includes(name)) &&
      hasPrefix(network.Id, filters.id) &&
      hasLabels(network.Labels, filters.label) &&
      (filters.driver ?? [network.Driver]).includes(network.Driver) &&
      (filters.scope ?? [network.Scope]).includes(network.Scope),
  );
  return json(200, chosen);
}

export const inspectNetwork = (call: Call): SimResponse => json(200, networkOf(call));

function networkOf(call: Call): Network {
  const all = networksOf(call);
  const exact = all.find(({ Id }) => Id === call.term);
  const named = all.filter(({ Name }) => Name === call.term);
  const found = named.length > 0 ? named : all.filter(({ Id }) => Id.startsWith(call.term));
  if (!exact && found.length > 1) throw badRequest(`network ${call.term} is ambiguous (${found.length} matches found)`);
  const one = exact ?? found[0];
  if (!one) throw new DockerError(404, `network ${call.term} not found`);
  return one;
}

/** Overlay networks only: a daemon's own have no part in a swarm. */
export function createNetwork(call: ClusterCall): SimResponse {
  const { objects, swarm } = call;
  const body = bodyOf(call.request) as Partial<NetworkRecord> & { Driver?: string };
  if (body.Driver !== 'overlay')
    throw new DockerError(
      501,
      `the simulated daemon makes overlay networks only, and not '${body.Driver ?? 'bridge'}'`,
    );
  const Name = requireName(body.Name, (what) => rpcError('InvalidArgument', what));
  const all = objects.networks.list();
  if (all.some((network) => network.Name === Name))
    throw new DockerError(409, `network with name ${Name} already exists`);
  const created = objects.networks.create({
    Name,
    Labels: labelsOf(body.Labels),
    Options: body.Options ?? {},
    Internal: body.Internal ?? false,
    Attachable: body.Attachable ?? false,
    Ingress: false,
    IPAM: { Driver: 'default', Config: [nextSubnet(swarm, all)] },
  });
  return json(201, { Id: created.ID, Warning: '' });
}

const isUpTo = (state: TaskState, limit: TaskState): boolean =>
  TASK_STATES.indexOf(state) <= TASK_STATES.indexOf(limit);

/** swarmkit `manager/controlapi/network.go`: neither services nor tasks that are to run may use it. */
export function removeNetwork(call: ClusterCall): SimResponse {
  const { objects } = call;
  const { Id, Name, Scope } = networkOf(call);
  if (Scope === 'local') throw new DockerError(403, `${Name} is a pre-defined network and cannot be removed`);
  const uses = (networks: { Target: string }[] | undefined): boolean =>
    networks?.some(({ Target }) => Target === Id) ?? false;
  const service = objects.services.list().find(({ Spec }) => uses(Spec.TaskTemplate.Networks) || uses(Spec.Networks));
  if (service) throw rpcError('FailedPrecondition', `network ${Id} is in use by service ${service.ID}`);
  const task = objects.tasks
    .list()
    .find(
      ({ Spec, DesiredState, Status }) =>
        uses(Spec.Networks) && isUpTo(DesiredState, 'running') && isUpTo(Status.State, 'running'),
    );
  if (task) throw rpcError('FailedPrecondition', `network ${Id} is in use by task ${task.ID}`);
  objects.networks.remove(Id);
  return { status: 204 };
}
