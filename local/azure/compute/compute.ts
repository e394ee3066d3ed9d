import type { Core } from '../core';
import type { Engine } from '../arm/engine';
import { createAddresses, type Addresses } from './addresses';
import { createCapacity, type Capacity } from './capacity';
import { createMachines, type Machines } from './machines';
import { createSteps, type Steps } from './steps';

/** What the compute provider's parts share. */
export interface Compute {
  core: Core;
  engine: Engine;
  machines: Machines;
  steps: Steps;
  capacity: Capacity;
  addresses: Addresses;
}

export function createComputeParts(core: Core, engine: Engine): Compute {
  const capacity = createCapacity(core);
  const addresses = createAddresses(core);
  const machines = createMachines(core, (machine) => {
    if (machine.scaleSet) addresses.release(machine.subnetId, machine.id);
  });
  return { core, engine, capacity, addresses, machines, steps: createSteps(core, machines, capacity) };
}
