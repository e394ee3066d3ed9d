import type { ResourceSku, Usage, VirtualMachineImageResource } from '@azure/arm-compute';
import { AppError } from '../model/errors';
import type { Location, VmImage, VmSize } from '../ports';
import { armCall } from './arm-call';
import type { AzureClients } from './clients';
import { describe, readFailure, toAppError } from './errors';
import { usagesOf } from './quota';

const LOCATIONS_API_VERSION = '2022-12-01';
/** What machines run, see the cluster's template: the one for Intel and AMD, the other for Arm. */
const IMAGE = { publisher: 'Canonical', offer: 'ubuntu-24_04-lts' };
const IMAGE_SKUS = ['server', 'server-arm64'];
const VERSIONS_PER_SKU = 10;

interface AzureLocation {
  name: string;
  displayName: string;
  metadata?: { regionType?: string };
}

/** Azure also lists groupings such as `europe`, in which nothing can be made. */
export async function listLocations(clients: AzureClients): Promise<Location[]> {
  const url = `/subscriptions/${clients.subscriptionId}/locations?api-version=${LOCATIONS_API_VERSION}`;
  const answer = (await armCall(clients, { method: 'GET', url })) as { value: AzureLocation[] } | undefined;
  return (answer?.value ?? [])
    .filter(({ metadata }) => metadata?.regionType !== 'Logical')
    .map(({ name, displayName }) => ({ name, displayName }))
    .sort((left, right) => left.name.localeCompare(right.name, 'en'));
}

/** Two listings. The shorter list of sizes that Azure has does not tell which of them this subscription may not use. */
export async function listSizes(clients: AzureClients, location: string): Promise<VmSize[]> {
  return inLocation(location, async () => {
    const usages = await usagesOf(clients, location);
    const sizes: VmSize[] = [];
    for await (const sku of clients.compute().resourceSkus.list({ filter: `location eq '${location}'` })) {
      if (isUsable(sku, location)) sizes.push(sizeOf(sku, usages));
    }
    if (sizes.length === 0) throw notUsable(location, 'Azure offers no size there');
    return sizes.sort(bySize);
  });
}

/** A restriction of zones leaves the rest of the location; the image of machines starts only on the second generation. */
function isUsable(sku: ResourceSku, location: string): boolean {
  const isRestricted = sku.restrictions?.some(
    ({ type, values }) => type === 'Location' && values?.some((value) => value.toLowerCase() === location),
  );
  const generations = capability(sku, 'HyperVGenerations');
  return sku.resourceType === 'virtualMachines' && !isRestricted && (!generations || generations.includes('V2'));
}

function sizeOf(sku: ResourceSku, usages: Map<string, Usage>): VmSize {
  const usage = usages.get(sku.family?.toLowerCase() ?? '');
  return {
    name: sku.name ?? '',
    cores: Number(capability(sku, 'vCPUs') ?? 0),
    memoryGiB: Number(capability(sku, 'MemoryGB') ?? 0),
    ...(usage && { quota: { used: usage.currentValue, limit: usage.limit } }),
  };
}

const capability = (sku: ResourceSku, wanted: string): string | undefined =>
  sku.capabilities?.find(({ name }) => name === wanted)?.value;

const bySize = (left: VmSize, right: VmSize): number =>
  left.cores - right.cores || left.memoryGiB - right.memoryGiB || left.name.localeCompare(right.name, 'en');

/** One listing per kind of processor. */
export async function listImages(clients: AzureClients, location: string): Promise<VmImage[]> {
  return inLocation(location, async () => {
    const lists = await Promise.all(IMAGE_SKUS.map((sku) => versionsOf(clients, location, sku)));
    return lists.flat();
  });
}

async function versionsOf(clients: AzureClients, location: string, sku: string): Promise<VmImage[]> {
  const versions: VirtualMachineImageResource[] = await clients
    .compute()
    .virtualMachineImages.list(location, IMAGE.publisher, IMAGE.offer, sku, {
      top: VERSIONS_PER_SKU,
      orderby: 'name desc',
    });
  return versions.map(({ name }) => ({ ...IMAGE, sku, version: name }));
}

/** Azure says 400 or 404 to a location that it does not know, each provider in its own words. */
async function inLocation<T>(location: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const failure = readFailure(error);
    if (failure && (failure.status === 400 || failure.status === 404)) throw notUsable(location, describe(failure));
    throw toAppError(error);
  }
}

const notUsable = (location: string, why: string): AppError =>
  new AppError(
    'INVALID_REQUEST',
    `the location ${location} cannot be used (${why}); GET /api/locations lists those that can`,
  );
