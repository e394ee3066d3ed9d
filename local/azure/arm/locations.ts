/** An excerpt of the public regions; every one of them offers the same. */
const REGIONS: Record<string, string> = {
  eastus: 'East US',
  eastus2: 'East US 2',
  francecentral: 'France Central',
  germanywestcentral: 'Germany West Central',
  northeurope: 'North Europe',
  southcentralus: 'South Central US',
  southeastasia: 'Southeast Asia',
  spaincentral: 'Spain Central',
  swedencentral: 'Sweden Central',
  uksouth: 'UK South',
  westeurope: 'West Europe',
  westus2: 'West US 2',
  westus3: 'West US 3',
};

/** Groupings that Azure lists among the regions, though nothing can be made in them. */
const LOGICAL: Record<string, string> = { asia: 'Asia', europe: 'Europe', global: 'Global' };

export const isRegion = (name: string): boolean => name in REGIONS;

/** What `GET /subscriptions/{id}/locations` lists, in no useful order. */
export function shownLocations(subscriptionId: string): object[] {
  const shown = (regionType: 'Physical' | 'Logical', [name, displayName]: [string, string]): object => ({
    id: `/subscriptions/${subscriptionId}/locations/${name}`,
    name,
    type: 'Region',
    displayName,
    regionalDisplayName: displayName,
    metadata: { regionType, regionCategory: regionType === 'Physical' ? 'Recommended' : 'Other' },
  });
  return [
    ...Object.entries(REGIONS)
      .reverse()
      .map((region) => shown('Physical', region)),
    ...Object.entries(LOGICAL).map((grouping) => shown('Logical', grouping)),
  ];
}
