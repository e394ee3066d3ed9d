import { ArmError, badRequest, conflict, resourceNotFound } from '../arm/errors';
import { lastName } from '../arm/ids';
import type { Resource } from '../arm/resources';
import { param, type Exchange, type Route } from '../arm/routes';
import type { SimResponse } from '../http';
import { listAt, textAt } from '../json';
import { overQuota } from './capacity';
import type { Compute } from './compute';
import type { Machine, Verb } from './machines';
import { beginWithNotice } from './notices';
import { beginRemovals } from './removal';
import { runCommand } from './run-command';
import { capacityOf, SCALE_SET, setCapacity } from './scale-set';
import { simulateEviction } from './eviction';
import type { StepDraft } from './steps';

/** URL segment (any case) → what is done, and the name that role-based access control has for it. */
const ACTIONS: Record<string, { verb: Verb; name: string }> = {
  start: { verb: 'start', name: 'start' },
  restart: { verb: 'restart', name: 'restart' },
  poweroff: { verb: 'powerOff', name: 'powerOff' },
  deallocate: { verb: 'deallocate', name: 'deallocate' },
  reimage: { verb: 'reimage', name: 'reimage' },
  reimageall: { verb: 'reimage', name: 'reimageAll' },
  redeploy: { verb: 'redeploy', name: 'redeploy' },
  manualupgrade: { verb: 'update', name: 'manualUpgrade' },
};
const VM = 'Microsoft.Compute/virtualMachines';
const BASE = '/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.compute';

/** POST actions on scale sets, on instances and on single VMs. */
export function powerRoutes(compute: Compute): Route[] {
  const post = (path: string, run: Route['run']): Route => ({ method: 'POST', path: `${BASE}/${path}`, run });
  const perAction = Object.keys(ACTIONS).flatMap((action) => [
    post(`virtualmachinescalesets/{set}/${action}`, (exchange) => actOnSet(compute, exchange, action)),
    post(`virtualmachinescalesets/{set}/virtualmachines/{instance}/${action}`, (exchange) =>
      actOnInstance(compute, exchange),
    ),
    post(`virtualmachines/{vm}/${action}`, (exchange) => actOnVm(compute, exchange)),
  ]);
  return [
    ...perAction,
    post('virtualmachinescalesets/{set}/delete', (exchange) => deleteInstances(compute, exchange)),
    post('virtualmachinescalesets/{set}/virtualmachines/{instance}/runcommand', (exchange) =>
      runCommand(compute, instanceOf(compute, exchange), exchange),
    ),
    post('virtualmachines/{vm}/runcommand', (exchange) => runCommand(compute, vmOf(compute, exchange), exchange)),
    post('virtualmachinescalesets/{set}/virtualmachines/{instance}/simulateeviction', (exchange) =>
      simulateEviction(compute, instanceOf(compute, exchange)),
    ),
    post('virtualmachines/{vm}/simulateeviction', (exchange) => simulateEviction(compute, vmOf(compute, exchange))),
  ];
}

const resourceIdOf = (exchange: Exchange, type: string, name: string): string =>
  `/subscriptions/${param(exchange, 'subscription')}/resourceGroups/${param(exchange, 'group')}/providers/${type}/${name}`;

export function scaleSetOf({ core }: Compute, exchange: Exchange): Resource {
  const found = core.resources.get(resourceIdOf(exchange, SCALE_SET, param(exchange, 'set')));
  if (found) return found;
  throw resourceNotFound(SCALE_SET, param(exchange, 'set'), param(exchange, 'group'));
}

export function instanceOf(compute: Compute, exchange: Exchange): Machine {
  const scaleSet = scaleSetOf(compute, exchange);
  const instance = param(exchange, 'instance');
  const machine = compute.machines.get(`${scaleSet.id}/virtualMachines/${instance}`);
  if (machine) return machine;
  throw new ArmError(
    404,
    'InstanceIdNotFound',
    `The provided instanceId ${instance} was not found in the scale set ${scaleSet.name}.`,
  );
}

function vmOf({ machines }: Compute, exchange: Exchange): Machine {
  const machine = machines.get(resourceIdOf(exchange, VM, param(exchange, 'vm')));
  if (machine) return machine;
  throw resourceNotFound(VM, param(exchange, 'vm'), param(exchange, 'group'));
}

/** No ids means *all* instances, as in Azure. */
function actOnSet(compute: Compute, exchange: Exchange, action: string): SimResponse {
  const scaleSet = scaleSetOf(compute, exchange);
  const ids = listAt(exchange.body, 'instanceIds').map(String);
  const all = compute.machines.ofScaleSet(scaleSet.id).filter((machine) => machine.provisioningState !== 'Deleting');
  const everyone = ids.length === 0 || ids.includes('*');
  if (action === 'manualupgrade' && ids.length === 0)
    throw badRequest('InvalidParameter', "Required parameter 'instanceIds' is missing (null).", 'instanceIds');
  checkNoModelWrite(compute, scaleSet);
  return begin(compute, scaleSet, everyone ? all : chosen(compute, scaleSet, ids), exchange);
}

function actOnInstance(compute: Compute, exchange: Exchange): SimResponse {
  const machine = instanceOf(compute, exchange);
  return begin(
    compute,
    { ...scaleSetOf(compute, exchange), id: machine.id, type: `${SCALE_SET}/virtualMachines` },
    [machine],
    exchange,
  );
}

function actOnVm(compute: Compute, exchange: Exchange): SimResponse {
  const machine = vmOf(compute, exchange);
  const resource = compute.core.resources.get(machine.id);
  if (!resource) throw resourceNotFound(VM, machine.name, machine.resourceGroup);
  return begin(compute, resource, [machine], exchange);
}

function begin(compute: Compute, target: Resource, machines: Machine[], exchange: Exchange): SimResponse {
  const { core } = compute;
  const found = ACTIONS[lastName(exchange.request.url.pathname).toLowerCase()];
  if (!found) throw new Error(`no action ${exchange.request.url.pathname}`);
  checkIdle(machines);
  if (found.verb === 'restart') checkAllocated(machines);
  if (found.verb === 'update') checkQuota(compute, machines);
  const operation = core.operations.begin({
    resourceId: target.id,
    location: target.location ?? '',
    parts: Math.max(1, machines.length),
    event: { kind: 'Action', subject: target.id, operationName: `${target.type}/${found.name}/action`, method: 'POST' },
  });
  const force = exchange.query.get('skipShutdown') === 'true';
  const { verb } = found;
  for (const machine of machines) {
    const size = verb === 'update' ? modelSize(compute, machine) : undefined;
    const step = { verb, operation: operation.id, force, size };
    beginOne(compute, verb === 'reimage' ? renewed(compute, machine) : machine, step);
  }
  if (machines.length === 0) core.operations.finish(operation.id);
  return { status: 202, headers: core.operations.headers(operation) };
}

/** Least notice of a reboot and of a redeployment that a user asked for, to machines that listen. */
const NOTICES: Partial<Record<Verb, { eventType: 'Reboot' | 'Redeploy'; minutes: number }>> = {
  restart: { eventType: 'Reboot', minutes: 15 },
  redeploy: { eventType: 'Redeploy', minutes: 10 },
};

/** Once a machine has asked for scheduled events, a restart waits for its approval; each machine for its own. */
function beginOne(compute: Compute, machine: Machine, step: StepDraft): void {
  const notice = NOTICES[step.verb];
  const isTold = notice && machine.power === 'running' && compute.core.driver.hearsEvents(machine.vmId);
  if (!isTold) return compute.steps.begin(machine, step);
  const description = `The virtual machine is about to be ${step.verb === 'restart' ? 'restarted' : 'redeployed'}.`;
  beginWithNotice(compute, [machine], { ...step, ...notice, description });
}

/** A fresh disk comes with the set's custom data, but only for a machine that a manual upgrade has brought to the set's model. */
function renewed(compute: Compute, machine: Machine): Machine {
  const scaleSet = machine.scaleSet && compute.core.resources.get(machine.scaleSet.id);
  if (!scaleSet || !machine.latestModelApplied) return machine;
  return { ...machine, customData: String(scaleSet.secrets?.customData ?? machine.customData) };
}

function modelSize({ core }: Compute, machine: Machine): string {
  const scaleSet = machine.scaleSet && core.resources.get(machine.scaleSet.id);
  return textAt(scaleSet?.extra, 'sku.name') ?? machine.size;
}

/** Larger machines need more cores, and give back what they had. */
function checkQuota(compute: Compute, machines: readonly Machine[]): void {
  const demands = machines.flatMap((machine) => [
    { size: modelSize(compute, machine), count: 1, priority: machine.priority },
    { size: machine.size, count: -1, priority: machine.priority },
  ]);
  const location = machines[0]?.location ?? '';
  const problem = compute.capacity.quotaProblem(demands, location, compute.machines.all());
  if (problem) throw overQuota(problem);
}

function deleteInstances(compute: Compute, exchange: Exchange): SimResponse {
  const { core } = compute;
  const scaleSet = scaleSetOf(compute, exchange);
  const ids = listAt(exchange.body, 'instanceIds').map(String);
  if (ids.length === 0)
    throw badRequest('InvalidParameter', "Required parameter 'instanceIds' is missing (null).", 'instanceIds');
  checkNoModelWrite(compute, scaleSet);
  const machines = ids.includes('*') ? compute.machines.ofScaleSet(scaleSet.id) : chosen(compute, scaleSet, ids);
  return removeInstances(compute, scaleSet, machines, {
    force: exchange.query.get('forceDeletion') === 'true',
    event: { kind: 'Action', subject: scaleSet.id, operationName: `${SCALE_SET}/delete/action`, method: 'POST' },
    resourceId: scaleSet.id,
    headers: (operation) => core.operations.headers(operation),
  });
}

interface InstanceRemoval {
  force: boolean;
  event: Parameters<Compute['core']['operations']['begin']>[0]['event'];
  resourceId: string;
  headers: (operation: ReturnType<Compute['core']['operations']['begin']>) => Record<string, string>;
}

/** Deleting instances lowers the capacity by their number, at once. */
export function removeInstances(
  compute: Compute,
  scaleSet: Resource,
  machines: Machine[],
  removal: InstanceRemoval,
): SimResponse {
  const { core } = compute;
  const leaving = machines.filter((machine) => machine.step?.verb === 'delete');
  if (leaving.length > 0) throw busy(leaving[0]);
  const operation = core.operations.begin({
    resourceId: removal.resourceId,
    location: scaleSet.location ?? '',
    parts: machines.length,
    event: removal.event,
  });
  setCapacity(compute, scaleSet.id, capacityOf(scaleSet) - machines.length);
  beginRemovals(compute, scaleSet, machines, { operation: operation.id, force: removal.force });
  return { status: 202, headers: removal.headers(operation) };
}

export function deleteInstance(compute: Compute, exchange: Exchange): SimResponse {
  const { core } = compute;
  const scaleSet = scaleSetOf(compute, exchange);
  const machine = compute.machines.get(`${scaleSet.id}/virtualMachines/${param(exchange, 'instance')}`);
  if (!machine) return { status: 204 };
  return removeInstances(compute, scaleSet, [machine], {
    force: exchange.query.get('forceDeletion') === 'true',
    event: {
      kind: 'Delete',
      subject: machine.id,
      operationName: `${SCALE_SET}/virtualMachines/delete`,
      method: 'DELETE',
    },
    resourceId: machine.id,
    headers: (operation) => core.operations.headers(operation),
  });
}

function chosen({ machines }: Compute, scaleSet: Resource, ids: readonly string[]): Machine[] {
  return [...new Set(ids)].map((id) => {
    const machine = machines.get(`${scaleSet.id}/virtualMachines/${id}`);
    if (machine) return machine;
    throw badRequest(
      'InvalidParameter',
      `The provided instanceId ${id} is not an active Virtual Machine Scale Set VM instanceId.`,
      'instanceIds',
    );
  });
}

/** While the set's model is being written, actions on its instances are refused. */
function checkNoModelWrite({ core }: Compute, scaleSet: Resource): void {
  if (!core.operations.running(scaleSet.id).some((operation) => operation.event?.kind !== 'Action')) return;
  throw conflict(
    'OperationNotAllowed',
    `The request failed due to conflict with a concurrent request: the scale set '${scaleSet.name}' is being updated. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.`,
  );
}

function checkIdle(machines: readonly Machine[]): void {
  const working = machines.find((machine) => machine.step !== undefined);
  if (working) throw busy(working);
}

function checkAllocated(machines: readonly Machine[]): void {
  const off = machines.find((machine) => machine.power === 'deallocated' || machine.power === undefined);
  if (off) throw conflict('OperationNotAllowed', `Cannot restart '${off.name}' because it is deallocated.`);
}

const busy = (machine: Machine | undefined): ArmError =>
  conflict(
    'Conflict',
    `The request failed due to conflict with a concurrent request: '${machine?.name}' has the operation '${machine?.step?.verb}' in progress.`,
  );
