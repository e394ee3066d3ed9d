import type { Core } from '../core';
import { badRequest } from '../arm/errors';
import { keyOf, lastName, parentOf } from '../arm/ids';
import { isObject, textAt, valueAt } from '../json';

/** Private addresses of subnets. */
export interface Addresses {
  /** The next free address, or the wished one; Azure keeps the first three and the last for itself. */
  take(subnetId: string, owner: string, wished?: string): string;
  release(subnetId: string, owner: string): void;
  inUse(subnetId: string): boolean;
}

type Taken = Record<string, string>;

export function createAddresses({ store, resources }: Core): Addresses {
  const takenIn = (subnetId: string): Taken => store.get<Taken>('addresses', keyOf(subnetId)) ?? {};
  const rangeOf = (subnetId: string): [first: number, last: number] => {
    const subnets = resources.get(parentOf(subnetId))?.properties.subnets;
    const subnet = (Array.isArray(subnets) ? subnets : []).find(
      (item) => textAt(item, 'name')?.toLowerCase() === lastName(subnetId).toLowerCase(),
    );
    const prefix =
      textAt(subnet, 'properties.addressPrefix') ?? String(valueAt(subnet, 'properties.addressPrefixes.0'));
    return isObject(subnet) ? usable(prefix) : usable('10.255.0.0/16');
  };
  return {
    take(subnetId, owner, wished) {
      const taken = takenIn(subnetId);
      const used = new Set(Object.values(taken));
      if (taken[owner]) return taken[owner];
      if (wished && used.has(wished)) {
        throw badRequest('PrivateIPAddressInUse', `Private static IP address ${wished} is already in use.`);
      }
      const address = wished ?? firstFree(rangeOf(subnetId), used);
      if (!address) {
        throw badRequest(
          'SubnetIsFull',
          `Subnet ${lastName(subnetId)} with address prefix is full: no address is left for ${owner}.`,
        );
      }
      store.put('addresses', keyOf(subnetId), { ...taken, [owner]: address });
      return address;
    },
    release(subnetId, owner) {
      const { [owner]: _freed, ...left } = takenIn(subnetId);
      if (Object.keys(left).length) store.put('addresses', keyOf(subnetId), left);
      else store.delete('addresses', keyOf(subnetId));
    },
    inUse: (subnetId) => Object.keys(takenIn(subnetId)).length > 0,
  };
}

function usable(prefix: string): [number, number] {
  const [base = '10.0.0.0', bits = '24'] = prefix.split('/');
  const start = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return [start + 4, start + 2 ** (32 - Number(bits)) - 2];
}

function firstFree([first, last]: [number, number], used: ReadonlySet<string>): string | undefined {
  for (let at = first; at <= last; at += 1) if (!used.has(dotted(at))) return dotted(at);
  return undefined;
}

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
