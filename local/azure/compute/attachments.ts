import { ArmError, conflict } from '../arm/errors';
import { parentOf } from '../arm/ids';
import type { Resource } from '../arm/resources';
import type { ResourceType } from '../arm/types';
import { objectAt, textAt, type JsonObject } from '../json';
import type { Compute } from './compute';

/** Disk and network interface of a single VM: what `deleteOption` says goes with it, the rest stays and is let go of. */
const DISK = 'Microsoft.Compute/disks';
const NIC = 'networkProfile.networkInterfaces.0';

export const diskType: ResourceType = {
  type: DISK,
  latency: () => [1_000, 3_000],
  checkRemovable: ({ name, properties }) => {
    const owner = textAt(properties, 'managedBy');
    if (owner) throw new ArmError(409, 'OperationNotAllowed', `Disk ${name} is attached to VM ${owner}.`);
  },
};

/** The VM's properties with its disk in them; a new one is made of the image, and never over one that is there. */
export function withOsDisk(
  { core }: Pick<Compute, 'core'>,
  draft: Resource,
  existing: Resource | undefined,
): JsonObject {
  const storage = objectAt(draft.properties, 'storageProfile');
  const wanted = objectAt(storage, 'osDisk');
  const held = objectAt(existing?.properties, 'storageProfile.osDisk');
  const unique = core.chance.guid(`disk/${draft.id}/${draft.createdAt}`).replace(/-/g, '');
  const name = textAt(held, 'name') ?? textAt(wanted, 'name') ?? `${draft.name}_OsDisk_1_${unique}`;
  const id = `${parentOf(draft.id)}/disks/${name}`;
  if (!existing) attachDisk({ core }, draft, id);
  const osDisk = { deleteOption: 'Detach', ...wanted, name, managedDisk: { ...objectAt(wanted, 'managedDisk'), id } };
  return { ...draft.properties, storageProfile: { ...storage, osDisk } };
}

function attachDisk({ core }: Pick<Compute, 'core'>, draft: Resource, id: string): void {
  const name = id.slice(id.lastIndexOf('/') + 1);
  if (core.resources.get(id)) {
    throw conflict(
      'ConflictingUserInput',
      `Disk ${name} already exists in resource group ${draft.resourceGroup}. Only CreateOption.Attach is supported.`,
    );
  }
  const properties = { provisioningState: 'Succeeded', managedBy: draft.id, diskState: 'Attached' };
  core.resources.put({ ...draft, id, name, type: DISK, version: 0, properties, extra: {}, secrets: undefined });
}

/** A VM that is gone takes along what it was told to, and lets go of the rest. */
export function releaseAttachments({ core, engine }: Compute, vm: Resource): void {
  const nic = core.resources.get(textAt(vm.properties, `${NIC}.id`) ?? '');
  if (nic && isDeleted(objectAt(vm.properties, `${NIC}.properties`))) engine.discard(nic.id);
  else if (nic) core.resources.put({ ...nic, properties: without(nic.properties, 'virtualMachine') });
  const osDisk = objectAt(vm.properties, 'storageProfile.osDisk');
  const disk = core.resources.get(textAt(osDisk, 'managedDisk.id') ?? '');
  if (disk && isDeleted(osDisk)) engine.discard(disk.id);
  else if (disk) core.resources.put({ ...disk, properties: without(disk.properties, 'managedBy') });
}

const isDeleted = (member: JsonObject): boolean => textAt(member, 'deleteOption')?.toLowerCase() === 'delete';

const without = (properties: JsonObject, name: string): JsonObject =>
  Object.fromEntries(Object.entries(properties).filter(([key]) => key !== name));
