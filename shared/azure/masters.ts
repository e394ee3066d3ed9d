import { computeGroup } from '../model/cluster';
import type { Outcome } from '../model/errors';
import type { Begun } from '../ports';
import type { AzureClients } from './clients';
import { beginIfThere } from './pollers';

/** Masters are single VMs. One that is not there needs nothing done to it: whoever expects it sees that in the listing. */
export const startMaster = (clients: AzureClients, cluster: string, name: string): Promise<Outcome<Begun>> =>
  beginIfThere(() => clients.compute().virtualMachines.start(computeGroup(cluster), name));

export const restartMaster = (clients: AzureClients, cluster: string, name: string): Promise<Outcome<Begun>> =>
  beginIfThere(() => clients.compute().virtualMachines.restart(computeGroup(cluster), name));

/** The guest is asked to shut down first, so that etcd closes its files. */
export function stopMaster(
  clients: AzureClients,
  cluster: string,
  name: string,
  how: { deallocate: boolean },
): Promise<Outcome<Begun>> {
  const { virtualMachines } = clients.compute();
  const verb = how.deallocate ? 'deallocate' : 'powerOff';
  return beginIfThere(() => virtualMachines[verb](computeGroup(cluster), name));
}

/** What goes with it is written in the VM itself: see `deleteOption` in the template. */
export const deleteMaster = (clients: AzureClients, cluster: string, name: string): Promise<Outcome<Begun>> =>
  beginIfThere(() => clients.compute().virtualMachines.delete(computeGroup(cluster), name));
