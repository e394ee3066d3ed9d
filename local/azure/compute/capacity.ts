import type { Core } from '../core';
import { ArmError, type ErrorBody } from '../arm/errors';
import type { Machine } from './machines';
import { findSize } from './sizes';

/** What a write would add to the cores in use. */
export interface Demand {
  size: string;
  count: number;
  priority: 'Regular' | 'Spot';
}

/** Room of the region: how much may be asked for (quota) and how much is there (capacity). */
export interface Capacity {
  /** Takes a place for one VM of the size; false when the region has none. */
  allocate(size: string): boolean;
  release(size: string): void;
  /** From now on only so many more VMs find room; `undefined` takes the limit away. Without a size it holds for all. */
  limit(available: number | undefined, size?: string): void;
  limits(): Record<string, number>;
  quotaProblem(demands: readonly Demand[], location: string, machines: readonly Machine[]): string | undefined;
  usages(machines: readonly Machine[], location: string): object[];
}

const ANY = '*';
const DEFAULT_QUOTA_CORES = 100;
const REGION = { name: 'cores', text: 'Total Regional Cores' };
const SPOT = { name: 'lowPriorityCores', text: 'Total Regional Low-priority Cores' };

export function createCapacity({ store, settings }: Core): Capacity {
  const keysOf = (size: string): string[] => [size.toLowerCase(), ANY];
  const room = (key: string): number | undefined => store.get<number>('capacity', key);
  const quota = settings.quotaCores ?? DEFAULT_QUOTA_CORES;

  return {
    allocate(size) {
      const limited = keysOf(size).filter((key) => room(key) !== undefined);
      if (limited.some((key) => (room(key) ?? 0) <= 0)) return false;
      for (const key of limited) store.put('capacity', key, (room(key) ?? 0) - 1);
      return true;
    },
    release(size) {
      for (const key of keysOf(size)) {
        const left = room(key);
        if (left !== undefined) store.put('capacity', key, left + 1);
      }
    },
    limit(available, size) {
      const key = size?.toLowerCase() ?? ANY;
      if (available === undefined) store.delete('capacity', key);
      else store.put('capacity', key, available);
    },
    limits: () => Object.fromEntries(store.list<number>('capacity')),
    quotaProblem(demands, location, machines) {
      const used = coresInUse(machines, location);
      const added = new Map<string, number>();
      for (const demand of demands) addCores(added, demand.size, demand.priority, demand.count);
      for (const [name, cores] of added) {
        const usage = used.get(name) ?? 0;
        if (cores > 0 && usage + cores > quota)
          return quotaMessage({ name, location, limit: quota, usage, added: cores });
      }
      return undefined;
    },
    usages(machines, location) {
      const used = coresInUse(machines, location);
      const families = [
        ...new Set([REGION.name, SPOT.name, ...['standardBSFamily', 'standardDSv5Family'], ...used.keys()]),
      ];
      return families.map((name) => ({
        unit: 'Count',
        currentValue: used.get(name) ?? 0,
        limit: quota,
        name: { value: name, localizedValue: textOf(name) },
      }));
    },
  };
}

/** Deallocated VMs count too: quota is counted on what exists. */
function coresInUse(machines: readonly Machine[], location: string): Map<string, number> {
  const used = new Map<string, number>();
  for (const machine of machines) if (machine.location === location) addCores(used, machine.size, machine.priority, 1);
  return used;
}

function addCores(sums: Map<string, number>, sizeName: string, priority: string, count: number): void {
  const found = findSize(sizeName);
  if (!found) return;
  const names = priority === 'Spot' ? [SPOT.name] : [REGION.name, found.family];
  for (const name of names) sums.set(name, (sums.get(name) ?? 0) + found.cores * count);
}

const textOf = (name: string): string =>
  name === REGION.name
    ? REGION.text
    : name === SPOT.name
      ? SPOT.text
      : name.replace(/^standard(.*)Family$/, 'Standard $1 Family vCPUs');

interface Shortage {
  name: string;
  location: string;
  limit: number;
  usage: number;
  added: number;
}

/** Azure's words, which clients search for the numbers. */
function quotaMessage({ name, location, limit, usage, added }: Shortage): string {
  const what = name.startsWith('standard') ? `${name} Cores` : textOf(name);
  return (
    `Operation could not be completed as it results in exceeding approved ${what} quota. ` +
    `Additional details - Deployment Model: Resource Manager, Location: ${location}, Current Limit: ${limit}, ` +
    `Current Usage: ${usage}, Additional Required: ${added}, (Minimum) New Limit Required: ${usage + added}. ` +
    "Setup Alerts when Quota reaches threshold. Submit a request for Quota increase by specifying parameters listed in the 'Details' section for deployment to succeed."
  );
}

/** A direct request over the quota is refused at once with this. */
export const overQuota = (message: string): ArmError => new ArmError(409, 'OperationNotAllowed', message);

export const allocationFailed = (size: string): ErrorBody => ({
  code: 'AllocationFailed',
  message: `Allocation failed. We do not have sufficient capacity for the requested VM size ${size} in this region. Read more about improving likelihood of allocation success at http://aka.ms/allocation-guidance`,
});
