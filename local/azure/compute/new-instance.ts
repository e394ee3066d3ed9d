import { nextNumber, numbersGiven, type Resource } from '../arm/resources';
import { objectAt, textAt } from '../json';
import type { Compute } from './compute';
import { instanceComputerName, type Machine } from './machines';
import { imageOf, priorityOf } from './profile';

/** A machine of the set's model, with an address of its own; it is not begun yet. */
export function newInstance(compute: Compute, scaleSet: Resource): Machine {
  const { core, addresses } = compute;
  const profile = objectAt(scaleSet.properties, 'virtualMachineProfile');
  const number = nextInstanceNumber(compute, scaleSet);
  const id = `${scaleSet.id}/virtualMachines/${number}`;
  const subnetId = subnetOf(profile) ?? '';
  const prefix = textAt(profile, 'osProfile.computerNamePrefix') ?? '';
  const { computerNamePrefix: _prefix, ...osProfile } = objectAt(profile, 'osProfile');
  return {
    id,
    name: `${scaleSet.name}_${number}`,
    computerName: instanceComputerName(prefix, number),
    vmId: core.chance.guid(`vm/${nextNumber(core.store, 'vm-ids')}`),
    resourceGroup: scaleSet.resourceGroup,
    location: scaleSet.location ?? '',
    size: textAt(scaleSet.extra, 'sku.name') ?? '',
    ...priorityOf(profile),
    scaleSet: { id: scaleSet.id, name: scaleSet.name, instanceId: String(number) },
    provisioningState: 'Creating',
    createdAt: core.clock.now(),
    version: 0,
    customData: textAt(scaleSet.secrets, 'customData') ?? '',
    tags: scaleSet.tags,
    privateIp: addresses.take(subnetId, id),
    subnetId,
    latestModelApplied: true,
    model: { imageReference: imageOf(profile), osProfile },
  };
}

const GAP_SHARE = 0.15;
const REUSE_SHARE = 0.1;

/** Ids mostly grow, but with gaps, and now and then a free one is given again, so that nobody counts on them. */
function nextInstanceNumber({ core, machines }: Compute, scaleSet: Resource): number {
  const sequence = `instances/${String(scaleSet.properties.uniqueId)}`;
  const made = nextNumber(core.store, `${sequence}/made`);
  if (core.chance.unit(`reuse/${sequence}/${made}`) < REUSE_SHARE) {
    const used = new Set(machines.ofScaleSet(scaleSet.id).map((machine) => Number(machine.scaleSet?.instanceId)));
    const all = Array.from({ length: numbersGiven(core.store, sequence) }, (_, number) => number);
    const free = all.find((number) => !used.has(number));
    if (free !== undefined) return free;
  }
  const number = nextNumber(core.store, sequence);
  return number > 0 && core.chance.unit(`gap/${sequence}/${number}`) < GAP_SHARE
    ? nextNumber(core.store, sequence)
    : number;
}

export const subnetOf = (profile: unknown): string | undefined => {
  const config = 'networkProfile.networkInterfaceConfigurations.0.properties.ipConfigurations.0.properties.subnet.id';
  return textAt(profile, config);
};
