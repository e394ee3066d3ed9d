/** A VM size: what quota and capacity are counted in. */
export interface Size {
  name: string;
  cores: number;
  memoryMiB: number;
  /** Usage name of the family's quota. */
  family: string;
  /** Starts images of the first generation only. */
  isOld?: boolean;
  /** Azure has it, but not for this subscription. */
  isWithheld?: boolean;
}

const size = (name: string, cores: number, memoryGiB: number, family: string): Size => ({
  name: `Standard_${name}`,
  cores,
  memoryMiB: memoryGiB * 1024,
  family,
});

/** An excerpt of a region's catalogue, enough to choose from. */
export const SIZES: readonly Size[] = [
  size('B1s', 1, 1, 'standardBSFamily'),
  size('B1ms', 1, 2, 'standardBSFamily'),
  size('B2s', 2, 4, 'standardBSFamily'),
  size('B2ms', 2, 8, 'standardBSFamily'),
  size('B4ms', 4, 16, 'standardBSFamily'),
  size('B8ms', 8, 32, 'standardBSFamily'),
  size('B2s_v2', 2, 8, 'standardBsv2Family'),
  size('B2ts_v2', 2, 1, 'standardBsv2Family'),
  size('B2ls_v2', 2, 4, 'standardBsv2Family'),
  size('B4s_v2', 4, 16, 'standardBsv2Family'),
  size('D2s_v3', 2, 8, 'standardDSv3Family'),
  size('D4s_v3', 4, 16, 'standardDSv3Family'),
  size('D8s_v3', 8, 32, 'standardDSv3Family'),
  size('D2s_v5', 2, 8, 'standardDSv5Family'),
  size('D4s_v5', 4, 16, 'standardDSv5Family'),
  size('D8s_v5', 8, 32, 'standardDSv5Family'),
  size('D2as_v5', 2, 8, 'standardDASv5Family'),
  size('D4as_v5', 4, 16, 'standardDASv5Family'),
  size('E2s_v5', 2, 16, 'standardESv5Family'),
  size('E4s_v5', 4, 32, 'standardESv5Family'),
  size('F2s_v2', 2, 4, 'standardFSv2Family'),
  size('F4s_v2', 4, 8, 'standardFSv2Family'),
  size('F8s_v2', 8, 16, 'standardFSv2Family'),
  { ...size('A2_v2', 2, 4, 'standardAv2Family'), isOld: true },
  { ...size('M8ms', 8, 219, 'standardMSFamily'), isWithheld: true },
];

export const findSize = (name: string): Size | undefined =>
  SIZES.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());

/** What the "list sizes" call shows. */
export const shownSize = ({ name, cores, memoryMiB }: Size): object => ({
  name,
  numberOfCores: cores,
  memoryInMB: memoryMiB,
  osDiskSizeInMB: 1_047_552,
  resourceDiskSizeInMB: memoryMiB * 2,
  maxDataDiskCount: cores * 2,
});

/** What the "list SKUs" call shows. */
export const shownSku = (found: Size, location: string): object => ({
  resourceType: 'virtualMachines',
  name: found.name,
  tier: 'Standard',
  size: found.name.replace('Standard_', ''),
  family: found.family,
  locations: [location],
  locationInfo: [{ location, zones: ['1', '2', '3'] }],
  capabilities: [
    { name: 'vCPUs', value: String(found.cores) },
    { name: 'MemoryGB', value: String(found.memoryMiB / 1024) },
    { name: 'HyperVGenerations', value: found.isOld ? 'V1' : 'V1,V2' },
    { name: 'CpuArchitectureType', value: 'x64' },
    { name: 'LowPriorityCapable', value: String(!/_B/.test(found.name)) },
  ],
  restrictions: found.isWithheld ? [withheld(location)] : [],
});

const withheld = (location: string): object => ({
  type: 'Location',
  values: [location],
  restrictionInfo: { locations: [location] },
  reasonCode: 'NotAvailableForSubscription',
});
