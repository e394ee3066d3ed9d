import { computeGroup } from '../model/cluster';
import type { Outcome } from '../model/errors';
import { armCall } from './arm-call';
import type { AzureClients } from './clients';

/** Name in the cluster's template. */
const SETTING = 'agents-autoscale';
const API_VERSION = '2022-10-01';

interface Setting {
  properties: { enabled?: boolean };
}

/** The patch repeats what was read: Azure's schema asks for the profiles in every write. Nothing is written when it is so already. */
export async function setAutoscale(clients: AzureClients, cluster: string, enabled: boolean): Promise<Outcome<object>> {
  const url =
    `/subscriptions/${clients.subscriptionId}/resourceGroups/${computeGroup(cluster)}` +
    `/providers/Microsoft.Insights/autoscaleSettings/${SETTING}?api-version=${API_VERSION}`;
  const setting = (await armCall(clients, { method: 'GET', url })) as Setting | undefined;
  if (!setting || setting.properties.enabled === enabled) return { ok: true };
  await armCall(clients, { method: 'PATCH', url, body: { properties: { ...setting.properties, enabled } } });
  return { ok: true };
}
