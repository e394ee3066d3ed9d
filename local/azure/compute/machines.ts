import { createSharedTexts } from '../../shared-texts';
import type { Core } from '../core';
import { keyOf } from '../arm/ids';
import type { ErrorBody } from '../arm/errors';
import type { MachineSpec } from '../../vm/machine';
import type { JsonObject } from '../json';

export type Verb =
  'create' | 'start' | 'restart' | 'powerOff' | 'deallocate' | 'reimage' | 'redeploy' | 'update' | 'delete';
export type Power = 'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated';

/** A VM as the fabric sees it: a single VM, or one instance of a scale set. */
export interface Machine {
  /** Resource id. */
  id: string;
  name: string;
  computerName: string;
  vmId: string;
  resourceGroup: string;
  location: string;
  size: string;
  priority: 'Regular' | 'Spot';
  evictionPolicy: 'Deallocate' | 'Delete';
  scaleSet?: { id: string; name: string; instanceId: string };
  availabilitySet?: string;
  provisioningState: 'Creating' | 'Updating' | 'Deleting' | 'Succeeded' | 'Failed';
  /** Unset: never allocated. */
  power?: Power;
  error?: ErrorBody;
  createdAt: number;
  version: number;
  customData: string;
  tags: Record<string, string>;
  privateIp: string;
  subnetId: string;
  fqdn?: string;
  latestModelApplied: boolean;
  protection?: JsonObject;
  /** osProfile, storageProfile … as shown; without secrets. */
  model: JsonObject;
  /** The transition under way. A step that is no longer this one has been overtaken. */
  step?: { verb: Verb; operation: string; since: number; size?: string; boots?: boolean };
  runCommand?: string;
}

export interface Machines {
  get(id: string): Machine | undefined;
  byVmId(vmId: string): Machine | undefined;
  all(): Machine[];
  /** Instances of one scale set, in no promised order. */
  ofScaleSet(scaleSetId: string): Machine[];
  put(machine: Machine): Machine;
  /** Forgets the machine and frees its address and place. */
  remove(machine: Machine): void;
  boot(machine: Machine): void;
}

const COLLECTION = 'machines';
/** Tens of KB that all instances of a scale set share: with them, each listing of 500 would read 10 MB. */
const CUSTOM_DATA = 'machine-custom-data';

export function createMachines(core: Core, release: (machine: Machine) => void): Machines {
  const { store, driver, settings } = core;
  const customData = createSharedTexts(store, CUSTOM_DATA);
  const restored = (machine: Machine): Machine => ({ ...machine, customData: customData.find(machine.customData) });
  const list = (prefix?: string): Machine[] =>
    store.list<Machine>(COLLECTION, prefix).map(([, machine]) => restored(machine));
  const get = (id: string): Machine | undefined => {
    const stored = store.get<Machine>(COLLECTION, keyOf(id));
    return stored && restored(stored);
  };
  return {
    get,
    byVmId(vmId) {
      const id = store.get<string>('vm-ids', vmId.toLowerCase());
      return id === undefined ? undefined : get(id);
    },
    all: () => list(),
    ofScaleSet: (id) => list(`${keyOf(id)}/virtualmachines/`),
    put(machine) {
      const next = { ...machine, version: machine.version + 1 };
      store.put(COLLECTION, keyOf(machine.id), { ...next, customData: customData.keep(next.customData) });
      store.put('vm-ids', machine.vmId, machine.id);
      return next;
    },
    remove(machine) {
      store.delete(COLLECTION, keyOf(machine.id));
      store.delete('vm-ids', machine.vmId);
      driver.destroy(machine.vmId);
      release(machine);
    },
    boot: (machine) => driver.boot(specOf(machine, settings.subscriptionId)),
  };
}

function specOf(machine: Machine, subscriptionId: string): MachineSpec {
  const { vmId, name, computerName, resourceGroup, location, size, priority, customData, tags, privateIp, fqdn } =
    machine;
  const image = machine.model.imageReference as Record<string, string> | undefined;
  return {
    vmId,
    name,
    computerName,
    subscriptionId,
    resourceGroup,
    resourceId: machine.id,
    location,
    size,
    priority,
    customData,
    tags,
    privateIp,
    ...(machine.scaleSet && { scaleSet: { name: machine.scaleSet.name, instanceId: machine.scaleSet.instanceId } }),
    ...(machine.availabilitySet && { availabilitySet: machine.availabilitySet }),
    ...(fqdn && { fqdn }),
    ...(image && { imageReference: image }),
  };
}

/** Host name of an instance: the prefix and the id in base 36, six digits. */
export const instanceComputerName = (prefix: string, instanceId: number): string =>
  prefix + instanceId.toString(36).padStart(6, '0');
