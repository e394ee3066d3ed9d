import type { Core } from '../core';
import { badRequest } from '../arm/errors';
import { keyOf, lastName, parentOf } from '../arm/ids';
import { listAt, textAt } from '../json';

/** Private addresses of subnets. */
export interface Addresses {
  /** The lowest free address, or the wished one. The same owner gets its address again. */
  take(subnetId: string, owner: string, wished?: string): string;
  release(subnetId: string, owner: string): void;
  inUse(subnetId: string): boolean;
}

const BY_OWNER = 'address-of';
const BY_ADDRESS = 'address-owner';
/** Below this address of a subnet nothing is free: spares the search when hundreds are taken at once. */
const LOWEST = 'address-lowest';

export function createAddresses({ store, resources }: Core): Addresses {
  const key = (subnetId: string, name: string | number): string => `${keyOf(subnetId)}\n${keyOf(String(name))}`;
  const rangeOf = (subnetId: string): [first: number, last: number] => {
    const subnet = listAt(resources.get(parentOf(subnetId))?.properties, 'subnets').find(
      (item) => textAt(item, 'name')?.toLowerCase() === lastName(subnetId).toLowerCase(),
    );
    const prefix = textAt(subnet, 'properties.addressPrefix') ?? textAt(subnet, 'properties.addressPrefixes.0');
    if (!prefix) throw badRequest('InvalidResourceReference', `The subnet ${subnetId} was not found.`);
    return usable(prefix);
  };
  const isTaken = (subnetId: string, address: number): boolean =>
    store.get(BY_ADDRESS, key(subnetId, address)) !== undefined;
  const firstFree = (subnetId: string): number => {
    const [first, last] = rangeOf(subnetId);
    for (let at = store.get<number>(LOWEST, keyOf(subnetId)) ?? first; at <= last; at += 1) {
      if (!isTaken(subnetId, at)) return at;
    }
    throw badRequest('SubnetIsFull', `Subnet ${lastName(subnetId)} is full: it has no address left.`);
  };

  return {
    take(subnetId, owner, wished) {
      const held = store.get<number>(BY_OWNER, key(subnetId, owner));
      if (held !== undefined && (!wished || dotted(held) === wished)) return dotted(held);
      if (wished && isTaken(subnetId, numeric(wished))) {
        throw badRequest('PrivateIPAddressInUse', `Private static IP address ${wished} is already in use.`);
      }
      const address = wished ? numeric(wished) : firstFree(subnetId);
      if (!wished) store.put(LOWEST, keyOf(subnetId), address + 1);
      if (held !== undefined) store.delete(BY_ADDRESS, key(subnetId, held));
      store.put(BY_OWNER, key(subnetId, owner), address);
      store.put(BY_ADDRESS, key(subnetId, address), owner);
      return dotted(address);
    },
    release(subnetId, owner) {
      const address = store.get<number>(BY_OWNER, key(subnetId, owner));
      if (address === undefined) return;
      store.delete(BY_OWNER, key(subnetId, owner));
      store.delete(BY_ADDRESS, key(subnetId, address));
      const lowest = store.get<number>(LOWEST, keyOf(subnetId));
      if (lowest !== undefined && address < lowest) store.put(LOWEST, keyOf(subnetId), address);
    },
    inUse: (subnetId) => store.list(BY_OWNER, key(subnetId, '')).length > 0,
  };
}

const numeric = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** Azure keeps the first four addresses of a subnet and the last one. */
function usable(prefix: string): [number, number] {
  const [base = '', bits = '24'] = prefix.split('/');
  return [numeric(base) + 4, numeric(base) + 2 ** (32 - Number(bits)) - 2];
}

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
