import { badRequest, resourceNotFound } from '../arm/errors';
import { mapped } from '../arm/groups';
import { keyOf } from '../arm/ids';
import { page } from '../arm/paging';
import { etagOf } from '../arm/resources';
import { param, type Exchange, type Route } from '../arm/routes';
import { objectAt } from '../json';
import type { SimResponse } from '../http';
import type { Compute } from './compute';
import type { Machine } from './machines';
import { deleteInstance, instanceOf, scaleSetOf } from './power';
import { instanceView, scaleSetView, shownInstance, shownNic } from './views';
import { expandedVm } from './vm';

const BASE = '/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.compute';
const SET = `${BASE}/virtualmachinescalesets/{set}`;
const INSTANCE = `${SET}/virtualmachines/{instance}`;

/** Reading instances; writing an instance's protection. */
export function instanceRoutes(compute: Compute): Route[] {
  const { core, machines } = compute;
  const get = (path: string, run: Route['run']): Route => ({ method: 'GET', path, run });
  const expanded = ({ query }: Exchange): string | null => query.get('$expand');
  const instancesOf = (exchange: Exchange): Machine[] => machines.ofScaleSet(scaleSetOf(compute, exchange).id);
  const paged = (found: Machine[], exchange: Exchange, show: (machine: Machine) => object): SimResponse => ({
    status: 200,
    body: mapped(
      page(found, (machine) => keyOf(machine.id), exchange.request, core.settings.baseUrl()),
      show,
    ),
  });
  return [
    get(`${SET}/virtualmachines`, (exchange) => {
      const found = instancesOf(exchange).filter(instanceFilter(exchange.query.get('$filter')));
      return paged(found, exchange, (machine) => shownInstance(machine, expanded(exchange)));
    }),
    get(INSTANCE, (exchange) => {
      const machine = instanceOf(compute, exchange);
      return { status: 200, headers: { etag: etagOf(machine) }, body: shownInstance(machine, expanded(exchange)) };
    }),
    get(`${INSTANCE}/instanceview`, (exchange) => ({ status: 200, body: instanceView(instanceOf(compute, exchange)) })),
    { method: 'DELETE', path: INSTANCE, run: (exchange) => deleteInstance(compute, exchange) },
    { method: 'PUT', path: INSTANCE, run: (exchange) => writeInstance(compute, exchange) },
    get(`${SET}/instanceview`, (exchange) => ({ status: 200, body: scaleSetView(instancesOf(exchange)) })),
    get(`${SET}/networkinterfaces`, (exchange) => paged(instancesOf(exchange), exchange, shownNic)),
    get(`${INSTANCE}/networkinterfaces`, (exchange) => ({
      status: 200,
      body: { value: [shownNic(instanceOf(compute, exchange))] },
    })),
    get(`${BASE}/virtualmachines/{vm}`, (exchange) => readVm(compute, exchange)),
    get(`${BASE}/virtualmachines/{vm}/instanceview`, (exchange) => {
      const { machine } = vmParts(compute, exchange);
      return { status: 200, body: instanceView(machine) };
    }),
  ];
}

/** Scale sets allow two filters. */
function instanceFilter(filter: string | null): (machine: Machine) => boolean {
  if (!filter) return () => true;
  const latest = /^properties\/latestModelApplied eq (true|false)$/i.exec(filter);
  if (latest) return (machine) => machine.latestModelApplied === (latest[1] === 'true');
  const power = /^startswith\(instanceView\/statuses\/code, ?'PowerState(?:\/(\w+))?'\) eq true$/i.exec(filter);
  if (power) return (machine) => machine.power !== undefined && (!power[1] || machine.power.startsWith(power[1]));
  throw badRequest('InvalidParameter', `The filter '${filter}' is not supported.`, '$filter');
}

function vmParts(compute: Compute, exchange: Exchange) {
  const { core, machines, engine } = compute;
  const id = `/subscriptions/${param(exchange, 'subscription')}/resourceGroups/${param(exchange, 'group')}/providers/Microsoft.Compute/virtualMachines/${param(exchange, 'vm')}`;
  const resource = core.resources.get(id);
  const machine = machines.get(id);
  if (resource && machine) return { resource, machine, type: engine.types.find(resource.type) };
  throw resourceNotFound('Microsoft.Compute/virtualMachines', param(exchange, 'vm'), param(exchange, 'group'));
}

function readVm(compute: Compute, exchange: Exchange): SimResponse {
  const { resource, machine, type } = vmParts(compute, exchange);
  const wide = /instanceview/i.test(exchange.query.get('$expand') ?? '');
  const body = wide ? expandedVm(resource, machine) : (type?.show?.(resource) ?? {});
  return { status: 200, headers: { etag: etagOf(resource) }, body };
}

/** PUT of one instance: only its protection can be set. */
function writeInstance(compute: Compute, exchange: Exchange): SimResponse {
  const { core, machines } = compute;
  const machine = instanceOf(compute, exchange);
  const protection = objectAt(exchange.body, 'properties.protectionPolicy');
  const operation = core.operations.begin({
    resourceId: machine.id,
    location: machine.location,
    event: {
      kind: 'Write',
      subject: machine.id,
      operationName: 'Microsoft.Compute/virtualMachineScaleSets/virtualMachines/write',
      method: 'PUT',
    },
  });
  const stored = machines.put({ ...machine, protection });
  core.scheduler.schedule('operation-finish', operation.id, core.clock.now() + PROTECTION_MS, { id: operation.id });
  return { status: 200, headers: core.operations.headers(operation, 'async'), body: shownInstance(stored, null) };
}

const PROTECTION_MS = 3_000;
