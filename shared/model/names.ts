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

/** Public DNS name of a master, known before Azure has made it. */
export function masterFqdn(cluster: string, location: string, suffix: string, index: number): string {
  return `${cluster}-${suffix}-master${index}.${location}.cloudapp.azure.com`;
}

export const ENGINE_PORT = 6443;

/** Names of the vault's secrets of one cluster. */
export const secretNames = (cluster: string): { engine: string; joinKey: string; serverToken: string } => ({
  engine: `${cluster}-engine`,
  joinKey: `${cluster}-join-key`,
  serverToken: `${cluster}-server-token`,
});
