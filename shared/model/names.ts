/**
 * A short, stable text that makes global DNS names unique per subscription without showing its id.
 * FNV-1a over both texts; collisions only matter within one region's DNS namespace, where Azure refuses them.
 */
export function uniqueSuffix(subscriptionId: string, cluster: string): string {
  let hash = 0x811c9dc5;
  for (const character of `${subscriptionId.toLowerCase()}/${cluster}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash.toString(36).padStart(7, '0');
}

/** Label of a master's public address: unique within a location because of `suffix`, at most 46 of 63 characters. */
export function masterLabel(cluster: string, suffix: string, index: number): string {
  return `${cluster}-${suffix}-master${index}`;
}

/** Public DNS name of a master, which Azure makes from the label: known before Azure has made it. */
export function masterFqdn(cluster: string, location: string, suffix: string, index: number): string {
  return `${masterLabel(cluster, suffix, index)}.${location.toLowerCase().replace(/\s/g, '')}.cloudapp.azure.com`;
}

/** Names of the vault's secrets of one cluster; `engine` holds what a master has reported that counts for all of them. */
export const secretNames = (cluster: string): { engine: string; joinKey: string; serverToken: string } => ({
  engine: `${cluster}-engine`,
  joinKey: `${cluster}-join-key`,
  serverToken: `${cluster}-server-token`,
});

/** Holds what one master has reported that counts for it alone. */
export const reportName = (cluster: string, master: string): string => `${secretNames(cluster).engine}-${master}`;

/** Names of all masters of a cluster. */
export const masterNames = (count: number): string[] => Array.from({ length: count }, (_, index) => `master${index}`);

/** So long at most an instance of the app goes on with a secret that another one has changed: reads of the vault are kept. */
export const SECRET_AGE_MS = 30_000;
