import { CLUSTER_TAG, storageGroup } from '../model/cluster';
import type { Cloud } from '../ports';
import { armCall } from './arm-call';
import type { AzureClients } from './clients';

const API_VERSION = '2025-08-01';

/**
 * Storage bears 100 listings in five minutes, and a wave of joins is ten times that. A key that was renewed reaches
 * tickets that late; with the process it is forgotten.
 */
const AGE_MS = 30_000;

type Access = Awaited<ReturnType<Cloud['storageAccess']>>;

/** Account and key of a cluster, remembered by this process for the age above; the only thing that the adapter remembers. */
export function createStorageAccess(clients: AzureClients): Cloud['storageAccess'] {
  const remembered = new Map<string, { access: Promise<Access>; until: number }>();
  return (cluster) => {
    const known = remembered.get(cluster);
    if (known && Date.now() < known.until) return known.access;
    const access = readAccess(clients, cluster);
    remembered.set(cluster, { access, until: Date.now() + AGE_MS });
    const forget = (): void => void remembered.delete(cluster);
    access.then((found) => found ?? forget(), forget);
    return access;
  };
}

interface Account {
  id: string;
  name: string;
  tags?: Record<string, string>;
}

/** The storage client is not used for two requests: with it, every start of the app reads more than a megabyte. */
async function readAccess(clients: AzureClients, cluster: string): Promise<Access> {
  const accounts =
    `/subscriptions/${clients.subscriptionId}/resourceGroups/${storageGroup(cluster)}` +
    `/providers/Microsoft.Storage/storageAccounts?api-version=${API_VERSION}`;
  const listed = (await armCall(clients, { method: 'GET', url: accounts })) as { value: Account[] } | undefined;
  const account = listed?.value.find(({ tags }) => tags?.[CLUSTER_TAG] === cluster);
  if (!account) return undefined;
  const url = `${account.id}/listKeys?api-version=${API_VERSION}`;
  const answer = (await armCall(clients, { method: 'POST', url })) as { keys: { value: string }[] } | undefined;
  const key = answer?.keys[0]?.value;
  return key ? { account: account.name, key } : undefined;
}
