import type { Core } from './azure/core';
import type { Engine } from './azure/arm/engine';
import { asArmError } from './azure/arm/errors';
import type { Deployment } from './azure/arm/deployment-run';
import type { Groups } from './azure/arm/groups';
import { groupId } from './azure/arm/ids';
import type { Compute } from './azure/compute/compute';
import { evict, vanish } from './azure/compute/eviction';
import type { Machine } from './azure/compute/machines';
import { capacityOf, SCALE_SET } from './azure/compute/scale-set';
import { findSize } from './azure/compute/sizes';
import type { Delivery, EventMode } from './azure/event-delivery';
import { parseFault, type Faults } from './azure/faults';
import type { Handler, SimResponse } from './azure/http';
import { isObject, type JsonObject } from './azure/json';
import type { RequestLog } from './azure/request-log';
import { present } from './azure/arm/resources';
import { matchPath } from './azure/arm/routes';

export interface ControlDeps {
  core: Core;
  compute: Compute;
  engine: Engine;
  groups: Groups;
  faults: Faults;
  log: RequestLog;
  delivery: Delivery;
  machineOf(cluster: string, instanceId: string): Machine | undefined;
  /** What runs inside the VMs, one line each. */
  guests(): object[];
  deployments(): Deployment[];
  /** Handlers of control routes that other parts own. */
  extra(path: string): Handler | undefined;
}

interface Call {
  params: Record<string, string>;
  body: JsonObject;
}

/** A control call that cannot be done, with what is wrong in words. */
class Refused extends Error {
  constructor(
    readonly status: 400 | 404 | 409,
    message: string,
  ) {
    super(message);
  }
}

/** The levers of the local Azure: for tests and for curious people, never for the app. */
export function createControl(deps: ControlDeps): Handler {
  const routes: [method: string, path: string, run: (call: Call) => SimResponse][] = [
    ['GET', '/_local/state', () => ({ status: 200, body: stateOf(deps) })],
    ['GET', '/_local/requests', () => ({ status: 200, body: deps.log.report() })],
    ['GET', '/_local/faults', () => ({ status: 200, body: { faults: deps.faults.list() } })],
    ['POST', '/_local/faults', ({ body }) => addFault(deps, body)],
    ['DELETE', '/_local/faults', () => (deps.faults.clear(), { status: 200, body: { faults: [] } })],
    ['POST', '/_local/events', ({ body }) => setEventMode(deps, body)],
    ['POST', '/_local/capacity', ({ body }) => setCapacityLimit(deps, body)],
    ['POST', '/_local/instances/{cluster}/{instance}/{deed}', (call) => disturb(deps, call)],
    ['POST', '/_local/scale-sets/{cluster}', (call) => scaleFromOutside(deps, call)],
  ];
  return async (request) => {
    const other = deps.extra(request.url.pathname);
    if (other) return other(request);
    try {
      for (const [method, path, run] of routes) {
        const params = matchPath(path, request.url.pathname);
        if (params && method === request.method) return run({ params, body: bodyOf(request.body) });
      }
      throw new Refused(
        404,
        `${request.method} ${request.url.pathname} is no control route; there are: ${routes.map(([method, path]) => `${method} ${path}`).join(', ')}`,
      );
    } catch (error) {
      return refusal(error);
    }
  };
}

function refusal(error: unknown): SimResponse {
  if (error instanceof Refused) return { status: error.status, body: { error: error.message } };
  const { status, code, message } = asArmError(error);
  return { status, body: { error: message, code } };
}

function bodyOf(text: string): JsonObject {
  if (!text) return {};
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body)) return body;
  } catch {
    // the refusal below holds for both
  }
  throw new Refused(400, 'the body must be a JSON object');
}

function checkFields(body: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown) throw new Refused(400, `unknown field '${unknown}'; known are: ${known.join(', ')}`);
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0;

/** Everything but secrets: custom data, passwords and keys are left out. */
function stateOf({ core, compute, groups, delivery, faults, guests, deployments }: ControlDeps): object {
  const base = `/subscriptions/${core.settings.subscriptionId}`;
  return {
    clock: { now: new Date(core.clock.now()).toISOString() },
    resourceGroups: groups.list().map((group) => ({ id: groupId(core.settings.subscriptionId, group.name), ...group })),
    resources: core.resources.below(base).map(present),
    deployments: deployments().map(({ id, state, error }) => ({ id, state, error })),
    vms: compute.machines.all().map(({ customData: _customData, ...machine }) => machine),
    guests: guests(),
    events: delivery.report(),
    capacity: compute.capacity.limits(),
    faults: faults.list(),
  };
}

function addFault({ faults }: ControlDeps, body: JsonObject): SimResponse {
  const fault = parseFault(body);
  if (typeof fault === 'string') throw new Refused(400, fault);
  faults.add(fault);
  return { status: 200, body: { faults: faults.list() } };
}

const MODES = ['normal', 'duplicate', 'reorder', 'drop'];

function setEventMode({ delivery }: ControlDeps, body: JsonObject): SimResponse {
  checkFields(body, ['mode', 'dropFraction', 'delayMs']);
  const { mode = delivery.mode().mode, dropFraction, delayMs } = body;
  if (!MODES.includes(String(mode))) throw new Refused(400, `'mode' must be one of ${MODES.join(', ')}`);
  if (dropFraction !== undefined && !(typeof dropFraction === 'number' && dropFraction >= 0 && dropFraction <= 1)) {
    throw new Refused(400, "'dropFraction' must be a number from 0 to 1");
  }
  if (delayMs !== undefined && !isCount(delayMs))
    throw new Refused(400, "'delayMs' must be a whole number of milliseconds");
  const next = { mode, dropFraction, delayMs } as EventMode;
  delivery.setMode(next);
  return { status: 200, body: next };
}

function setCapacityLimit({ compute: { capacity } }: ControlDeps, body: JsonObject): SimResponse {
  checkFields(body, ['size', 'available']);
  const { size, available } = body;
  if (size !== undefined && (typeof size !== 'string' || !findSize(size)))
    throw new Refused(400, `'size' is not a known VM size: ${String(size)}`);
  if (available !== undefined && available !== null && !isCount(available))
    throw new Refused(400, "'available' must be a whole number; leave it out to lift the limit");
  capacity.limit(available ?? undefined, size as string | undefined);
  return { status: 200, body: { limits: capacity.limits() } };
}

const DEEDS: Record<string, (deps: ControlDeps, machine: Machine) => void> = {
  evict: ({ compute }, machine) => evict(compute, machine),
  /** The guest dies and the fabric notices: the VM is stopped but keeps its place. */
  crash({ core, compute }, machine) {
    core.driver.shutdown(machine.vmId, false);
    compute.machines.put({ ...machine, power: 'stopped' });
  },
  hang: ({ core }, machine) => core.driver.hang(machine.vmId),
  vanish: ({ compute }, machine) => vanish(compute, machine),
};

function disturb(deps: ControlDeps, { params }: Call): SimResponse {
  const { cluster = '', instance = '', deed = '' } = params;
  const run = DEEDS[deed];
  if (!run) throw new Refused(404, `'${deed}' is not known; there are: ${Object.keys(DEEDS).join(', ')}`);
  const machine = deps.machineOf(cluster, instance);
  if (!machine)
    throw new Refused(
      404,
      `the cluster '${cluster}' has no machine '${instance}': give an instance id of its agents or the name of a master`,
    );
  if (deed !== 'vanish' && machine.power !== 'running')
    throw new Refused(409, `'${machine.name}' is not running (${machine.power ?? machine.provisioningState})`);
  run(deps, machine);
  return { status: 200, body: { name: machine.name, vmId: machine.vmId, done: deed } };
}

/** Somebody changes the capacity past the app, by an ordinary request of theirs: same checks, same event. */
function scaleFromOutside({ core, engine }: ControlDeps, { params, body }: Call): SimResponse {
  checkFields(body, ['capacity']);
  if (!isCount(body.capacity)) throw new Refused(400, "'capacity' must be a whole number");
  const group = `${params.cluster}-compute`;
  const id = `${groupId(core.settings.subscriptionId, group)}/providers/${SCALE_SET}/agents`;
  const scaleSet = core.resources.get(id);
  const type = engine.types.find(SCALE_SET);
  if (!scaleSet || !type) throw new Refused(404, `the cluster '${params.cluster}' has no scale set`);
  const sku = { capacity: body.capacity };
  const { operation } = engine.write({
    method: 'PATCH',
    id: scaleSet.id,
    type,
    resourceGroup: scaleSet.resourceGroup,
    body: { sku },
  });
  return { status: 200, body: { capacity: body.capacity, before: capacityOf(scaleSet), operation: operation.id } };
}
