import type { Handler } from './http';
import { createArmHandler } from './arm/router';
import { createDeploymentRuns } from './arm/deployment-run';
import { deploymentRoutes } from './arm/deployments';
import { createEngine } from './arm/engine';
import { createGroups } from './arm/groups';
import { param, type Route } from './arm/routes';
import { resourceListRoutes } from './arm/resource-lists';
import { createThrottle } from './arm/throttle';
import { diskType } from './compute/attachments';
import { createComputeParts } from './compute/compute';
import { approveEviction, registerEvictions } from './compute/eviction';
import { instanceRoutes } from './compute/instance-routes';
import type { Machine } from './compute/machines';
import { offerRoutes } from './compute/offer-routes';
import { powerRoutes } from './compute/power';
import { computePreflight } from './compute/preflight';
import { approveNotice, registerNotices } from './compute/notices';
import { registerRunCommand } from './compute/run-command';
import { registerScaleSetEnd, scaleSetType } from './compute/scale-set';
import { forgetVm, vmType } from './compute/vm';
import { createControl } from '../control';
import { createCore, type AzureDeps, type Core } from './core';
import { createDelivery } from './event-delivery';
import { emitter, eventGridTypes } from './event-grid';
import { createFaults } from './faults';
import { createGroupContents } from './group-contents';
import { createIdentity } from './identity';
import { networkTypes } from './network';
import { otherTypes } from './other-types';
import { createRequestLog } from './request-log';
import { createVault } from './vault';

export type { AzureDeps } from './core';
export type { AzureSettings, Latencies } from './settings';
export type { Machine } from './compute/machines';

/** The simulated Azure: pure request handlers over a store, a clock and a scheduler. */
export interface Azure {
  /** `management.azure.com` */
  arm: Handler;
  /** Any `*.vault.azure.net`. */
  vault: Handler;
  /** The app's managed identity endpoint. */
  identity: Handler;
  /** Value that callers of `identity` must send as `X-IDENTITY-HEADER`. */
  identityHeader: string;
  /** The `/_local/*` routes. */
  control: Handler;
  /** Arms what is due; call once, after every part that uses the scheduler has been created. */
  start(): void;
  stop(): void;
  /** A VM of a cluster: an instance id of its scale set, or a master's name. */
  machineOf(cluster: string, instanceId: string): Machine | undefined;
  /** What `vmId` is, for whoever has only that. */
  machineByVmId(vmId: string): Machine | undefined;
  /** A guest has powered itself off: Azure calls its VM stopped. */
  guestPoweredOff(vmId: string): void;
  /** A machine approves a scheduled event; unknown or repeated approvals are harmless. */
  acknowledge(eventId: string): void;
}

interface AzureOptions {
  /** Handles control routes of other parts (attestation, engines): it answers, or returns undefined. */
  extra?: (path: string) => Handler | undefined;
  /** What runs inside the VMs, for `/_local/state`. */
  guests?: () => object[];
}

export function createAzure(deps: AzureDeps & AzureOptions): Azure {
  const core = createCore(deps);
  const engine = createEngine(core);
  const compute = createComputeParts(core, engine);
  const contents = createGroupContents(core, engine, compute, (group) => runs.forgetGroup(group));
  const groups = createGroups(core, contents);
  const runs = createDeploymentRuns(core, engine, groups);
  const delivery = createDelivery(core);
  core.emit = emitter(core, delivery);
  engine.types.add(
    vmType(compute),
    diskType,
    scaleSetType(compute),
    ...networkTypes(core, compute.addresses),
    ...otherTypes(core),
    ...eventGridTypes(core),
  );
  compute.steps.afterRemoval((machine) => forgetVm(compute, machine));
  registerScaleSetEnd(compute);
  registerNotices(compute);
  registerEvictions(compute);
  registerRunCommand(compute);

  const faults = createFaults(core);
  const log = createRequestLog(core.clock);
  const identity = createIdentity(core);
  const routes: Route[] = [
    ...groups.routes,
    ...deploymentRoutes(core, groups, runs, computePreflight(compute)),
    ...resourceListRoutes(core, engine, groups),
    ...instanceRoutes(compute),
    ...offerRoutes(compute),
    ...powerRoutes(compute),
    operationRoute(core),
  ];
  const arm = createArmHandler({
    core,
    identity,
    faults,
    log,
    throttle: createThrottle(core.clock),
    groups,
    engine,
    routes,
  });
  const machineOf: Azure['machineOf'] = (cluster, instanceId) => {
    const base = `/subscriptions/${core.settings.subscriptionId}/resourceGroups/${cluster}-compute/providers/Microsoft.Compute`;
    const path = /^\d+$/.test(instanceId)
      ? `virtualMachineScaleSets/agents/virtualMachines/${instanceId}`
      : `virtualMachines/${instanceId}`;
    return compute.machines.get(`${base}/${path}`);
  };
  return {
    arm,
    vault: createVault(core, identity, faults, log),
    identity: identity.handler,
    identityHeader: identity.header(),
    control: createControl({
      core,
      compute,
      engine,
      groups,
      faults,
      log,
      delivery,
      machineOf,
      guests: deps.guests ?? (() => []),
      deployments: () => groups.list().flatMap(({ name }) => runs.list(name)),
      extra: deps.extra ?? (() => undefined),
    }),
    start: () => core.scheduler.start(),
    stop: () => core.scheduler.stop(),
    machineOf,
    machineByVmId: (vmId) => compute.machines.byVmId(vmId),
    guestPoweredOff(vmId) {
      const machine = compute.machines.byVmId(vmId);
      // While Azure itself is at work on the machine, that decides how it stands.
      if (machine?.power === 'running' && !machine.step) compute.machines.put({ ...machine, power: 'stopped' });
    },
    acknowledge(eventId) {
      if (!approveNotice(compute, eventId)) approveEviction(compute, eventId);
    },
  };
}

/** Where long-running operations are polled, whatever the provider. */
const operationRoute = (core: Core): Route => ({
  method: 'GET',
  path: '/subscriptions/{subscription}/providers/{namespace}/locations/{location}/operations/{operation}',
  run: (exchange) => core.operations.poll(param(exchange, 'operation'), exchange.query),
});
