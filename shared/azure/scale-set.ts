import type { Sku } from '@azure/arm-compute';
import { computeGroup, SCALE_SET } from '../model/cluster';
import type { Outcome } from '../model/errors';
import type { Begun, ScaleSet } from '../ports';
import type { AzureClients } from './clients';
import { foundOrUndefined } from './errors';
import { provisioningOf } from './machines';
import { begin, conflict } from './pollers';

export async function getScaleSet(clients: AzureClients, cluster: string): Promise<ScaleSet | undefined> {
  const set = await readScaleSet(clients, cluster);
  return (
    set && {
      capacity: set.sku?.capacity ?? 0,
      size: set.sku?.name ?? '',
      etag: set.etag ?? '',
      provisioning: provisioningOf(set.provisioningState),
    }
  );
}

/** The size is repeated, as Azure's own tools do it. */
export const setCapacity = (
  clients: AzureClients,
  cluster: string,
  capacity: number,
  etag: string,
): Promise<Outcome<Begun>> => patchSku(clients, cluster, etag, ({ name, tier }) => ({ name, tier, capacity }));

/**
 * With the capacity that stands under the same etag: no source says what Azure makes of a size without one, and zero is what it
 * makes of that at a creation. A deletion or a step of autoscale in between changes the etag, so the write is refused instead
 * of undoing it. Instances keep their size until they are brought to the model.
 */
export const setAgentSize = (
  clients: AzureClients,
  cluster: string,
  size: string,
  etag: string,
): Promise<Outcome<Begun>> =>
  patchSku(clients, cluster, etag, ({ tier, capacity }) => ({ name: size, tier, capacity }));

/** Reads first: a stale etag is refused without one of the four writes a minute that a scale set bears. */
async function patchSku(
  clients: AzureClients,
  cluster: string,
  etag: string,
  change: (sku: Sku) => Sku,
): Promise<Outcome<Begun>> {
  const set = await readScaleSet(clients, cluster);
  if (!set) return conflict('The scale set is gone');
  if (!etag || set.etag !== etag) return conflict('The scale set was changed since it was read');
  const { virtualMachineScaleSets } = clients.compute();
  return begin(() =>
    virtualMachineScaleSets.update(computeGroup(cluster), SCALE_SET, { sku: change(set.sku ?? {}) }, { ifMatch: etag }),
  );
}

const readScaleSet = (clients: AzureClients, cluster: string) =>
  foundOrUndefined(() => clients.compute().virtualMachineScaleSets.get(computeGroup(cluster), SCALE_SET));
