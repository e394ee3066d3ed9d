import { isDeepStrictEqual } from 'node:util';
import type { SimResponse } from '../../../azure/http';
import { json, rpcError } from '../docker-error';
import { shown, type ServiceRecord, type ServiceSpec, type TaskRecord } from '../records';
import { requireVersion } from '../state';
import { findOne, isTrue, versionOf, type ClusterCall } from './call';
import { filtersOf, hasLabels, hasPrefix } from './filters';
import { publishedPorts, requireFreePorts, specOf } from './service-spec';

export const serviceOf = ({ objects, term }: Pick<ClusterCall, 'objects' | 'term'>): ServiceRecord =>
  findOne('service', objects.services.list(), term, ({ Spec }) => Spec.Name);

export function listServices({ objects, request }: ClusterCall): SimResponse {
  const filters = filtersOf(request, ['name', 'id', 'label', 'mode', 'runtime']);
  const chosen = objects.services
    .list()
    .filter(
      ({ ID, Spec }) =>
        hasPrefix(Spec.Name, filters.name) &&
        hasPrefix(ID, filters.id) &&
        hasLabels(Spec.Labels, filters.label) &&
        (filters.mode ?? [modeOf(Spec)]).includes(modeOf(Spec)) &&
        (filters.runtime ?? ['container']).includes('container'),
    );
  if (!isTrue(request, 'status')) return json(200, chosen.map(shown));
  const tasks = objects.tasks.list();
  return json(
    200,
    chosen.map((service) => ({ ...shown(service), ServiceStatus: statusOf(service, tasks) })),
  );
}

const modeOf = ({ Mode }: ServiceSpec): string => (Mode.Global ? 'global' : 'replicated');

/** `ListServiceStatuses` of swarmkit: a global service wants as many tasks as it has. */
function statusOf({ ID, Spec }: ServiceRecord, tasks: TaskRecord[]): object {
  const wanted = tasks.filter((task) => task.ServiceID === ID && task.DesiredState === 'running');
  return {
    RunningTasks: wanted.filter(({ Status }) => Status.State === 'running').length,
    DesiredTasks: Spec.Mode.Global ? wanted.length : (Spec.Mode.Replicated?.Replicas ?? 1),
    CompletedTasks: 0,
  };
}

export const inspectService = (call: ClusterCall): SimResponse => json(200, shown(serviceOf(call)));

export function createService(call: ClusterCall): SimResponse {
  const { objects, swarm } = call;
  const Spec = specOf(call);
  const all = objects.services.list();
  requireFreePorts(all, Spec, '');
  if (all.some((service) => service.Spec.Name === Spec.Name))
    throw rpcError('AlreadyExists', `name conflicts with an existing object: service ${Spec.Name} already exists`);
  const { ID } = objects.services.create({ Spec, Endpoint: endpointOf(all, Spec) });
  call.changed(swarm.ID);
  return json(201, { ID, Warnings: null });
}

function endpointOf(all: ServiceRecord[], spec: ServiceSpec): ServiceRecord['Endpoint'] {
  const Ports = publishedPorts(all, spec);
  const networks = spec.TaskTemplate.Networks ?? spec.Networks ?? [];
  return {
    Spec: spec.EndpointSpec ?? {},
    ...(Ports.length > 0 && { Ports }),
    ...(networks.length > 0 && { VirtualIPs: networks.map(({ Target }) => ({ NetworkID: Target })) }),
  };
}

/** Replaces the whole spec; name and mode stay for ever (swarmkit `manager/controlapi/service.go`). */
export function updateService(call: ClusterCall): SimResponse {
  const { objects, swarm, request } = call;
  const given = specOf(call);
  const version = versionOf(request, 'service');
  const service = serviceOf(call);
  const isRollback = request.url.searchParams.get('rollback') === 'previous';
  const others = objects.services.list().filter(({ ID }) => ID !== service.ID);
  if (!isDeepStrictEqual(given.EndpointSpec, service.Spec.EndpointSpec)) requireFreePorts(others, given, service.ID);
  if (modeOf(given) !== modeOf(service.Spec)) throw rpcError('Unimplemented', 'service mode change is not allowed');
  if (given.Name !== service.Spec.Name) throw rpcError('Unimplemented', 'renaming services is not supported');
  if (isRollback && !service.PreviousSpec)
    throw rpcError('FailedPrecondition', `service ${service.ID} does not have a previous spec`);
  requireVersion(service, version);
  const Spec = isRollback && service.PreviousSpec ? service.PreviousSpec : given;
  objects.services.change(service.ID, {
    Spec,
    PreviousSpec: service.Spec,
    Endpoint: endpointOf(others, Spec),
    UpdateStatus: undefined,
  });
  call.changed(swarm.ID);
  return json(200, { Warnings: null });
}

/** Its tasks end after it. */
export function removeService(call: ClusterCall): SimResponse {
  call.objects.services.remove(serviceOf(call).ID);
  call.changed(call.swarm.ID);
  return { status: 200 };
}
