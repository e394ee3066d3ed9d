import type { Core } from './core';
import type { Engine } from './arm/engine';
import { asArmError } from './arm/errors';
import { keyOf, lastName } from './arm/ids';
import type { GroupContents } from './arm/groups';
import type { Resource } from './arm/resources';
import type { Compute } from './compute/compute';

const REST = 'group-rest';
const REST_EVERY_MS = 3_000;
const MACHINES = ['Microsoft.Compute/virtualMachines', 'Microsoft.Compute/virtualMachineScaleSets'];

/** Deletes what a resource group holds: machines first, each with its own event, then the rest when nothing uses it. */
export function createGroupContents(
  core: Core,
  engine: Engine,
  compute: Compute,
  forgetDeployments: (group: string) => void,
): GroupContents {
  const { resources, scheduler, clock } = core;
  const isMachine = (resource: Resource): boolean => MACHINES.includes(resource.type);
  const machinesLeft = (id: string): boolean =>
    compute.machines.all().some((machine) => keyOf(machine.id).startsWith(`${keyOf(id)}/`));

  scheduler.on<{ id: string }>(REST, ({ id }) => {
    if (machinesLeft(id) || resources.below(id).some(isMachine)) {
      scheduler.schedule(REST, keyOf(id), clock.now() + REST_EVERY_MS, { id });
      return;
    }
    for (const resource of resources.below(id)) engine.discard(resource.id);
    forgetDeployments(lastName(id));
  });

  return {
    beginRemoval(id) {
      for (const resource of resources.below(id).filter(isMachine)) begin(core, engine, resource);
      scheduler.schedule(REST, keyOf(id), clock.now() + REST_EVERY_MS, { id });
    },
    left: (id) => resources.below(id).length,
  };
}

function begin(core: Core, engine: Engine, resource: Resource): void {
  try {
    engine.remove(resource);
  } catch (error) {
    core.log(`resource group deletion: ${resource.id}: ${asArmError(error).message}`);
  }
}
