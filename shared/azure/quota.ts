import type { Usage } from '@azure/arm-compute';
import { refuse, type Outcome } from '../model/errors';
import type { AzureClients } from './clients';
import { translated } from './errors';

/** `Standard_D4as_v5`: series letters, vCPUs (`-2` when constrained), features, version. */
const SIZE = /^Standard_([A-Z]+)(\d+)(?:-\d+)?([a-z]*)(?:_[A-Za-z0-9]+?)??(_v\d+)?$/;
/** Features that some families spell in their name and some do not: memory-rich, low-memory, tiny. */
const OPTIONAL_FEATURES = /[mlt]/g;

interface SizeParts {
  cores: number;
  /** Lower-case names that the family may have, most exact first. */
  families: string[];
}

/**
 * What a size costs in quota, read off its name: the list of sizes that would tell it exactly is several megabytes. Old
 * series count their digits otherwise (D3_v2 has four cores); there the deployment itself has the last word.
 */
export function partsOfSize(size: string): SizeParts | undefined {
  const match = SIZE.exec(size);
  if (!match) return undefined;
  const [, series = '', cores = '0', features = '', version = ''] = match;
  const family = (letters: string): string => `standard${series}${letters}${version.slice(1)}Family`.toLowerCase();
  return { cores: Number(cores), families: [family(features), family(features.replace(OPTIONAL_FEATURES, ''))] };
}

/** One call. Passes what it cannot judge: ARM refuses it later with a message of its own. */
export async function checkQuota(
  clients: AzureClients,
  need: { location: string; sizes: { size: string; count: number }[] },
): Promise<Outcome<object>> {
  const usages = await translated(() => usagesOf(clients, need.location));
  for (const [name, cores] of coresByUsage(need.sizes, usages)) {
    const usage = usages.get(name);
    if (usage && usage.currentValue + cores > usage.limit)
      return refuse('QUOTA_EXCEEDED', shortage(usage, cores, need.location));
  }
  return { ok: true };
}

/** What is used of each quota of the region, by its name in lower case. */
export async function usagesOf(clients: AzureClients, location: string): Promise<Map<string, Usage>> {
  const found = new Map<string, Usage>();
  for await (const usage of clients.compute().usage.list(location)) {
    if (usage.name.value) found.set(usage.name.value.toLowerCase(), usage);
  }
  return found;
}

/** Cores asked for: of the region as a whole, and of each family that the region knows. */
function coresByUsage(sizes: { size: string; count: number }[], usages: Map<string, Usage>): Map<string, number> {
  const needed = new Map<string, number>();
  const add = (name: string, cores: number): void => void needed.set(name, (needed.get(name) ?? 0) + cores);
  for (const { size, count } of sizes) {
    const parts = partsOfSize(size);
    if (!parts) continue;
    add('cores', parts.cores * count);
    const family = parts.families.find((name) => usages.has(name));
    if (family) add(family, parts.cores * count);
  }
  return needed;
}

const shortage = ({ name, currentValue, limit }: Usage, cores: number, location: string): string =>
  `${name.localizedValue ?? name.value} in ${location}: ${cores} cores are needed, ${currentValue} of ${limit} are in use`;
