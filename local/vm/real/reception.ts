import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Handler } from '../../azure/http';
import { serverOf } from '../../listeners';
import type { MachineInventory } from '../inventory';
import { pipe } from './pipes';

export interface ReceptionDependencies {
  inventory: MachineInventory;
  /** Asked only when a guest asks, so that IMDS may be made later. */
  imds: () => Handler;
  appPort: number;
  /** Stands in for the release page of an engine. */
  releases?: Handler;
  /** Whom the release page is certified for. */
  releasesCertificate?: { certPem: string; keyPem: string };
}

/** Leads what nodes connect to where it belongs. IMDS tells its callers apart by their addresses, as in Azure. */
export function createReception(dependencies: ReceptionDependencies) {
  const { appPort, releases, releasesCertificate } = dependencies;
  const services = new Map<string, Server>();
  const metadataFor = (group: string, address: string): Server => {
    const key = `${group} ${address}`;
    const service = services.get(key) ?? serverOf(metadataHandler(dependencies, group, address));
    services.set(key, service);
    return service;
  };
  const page = releases && serverOf(releases, releasesCertificate);
  return (group: string, what: string, address: string, socket: Socket): void => {
    if (what === 'imds') metadataFor(group, address).emit('connection', socket);
    else if (what === 'app') pipe(socket, connect(appPort, '127.0.0.1'));
    else if (what === 'releases' && page) page.emit('connection', socket);
    else socket.destroy();
  };
}

/** `/metadata/…` becomes `/{vmId}/metadata/…`, as IMDS of all VMs behind one listener has it. */
function metadataHandler({ inventory, imds }: ReceptionDependencies, group: string, address: string): Handler {
  return (request) => {
    const caller = inventory.list().find(({ spec }) => spec.resourceGroup === group && spec.privateIp === address);
    if (!caller) return { status: 404, body: { error: 'No machine has this address' } };
    const url = new URL(request.url);
    url.pathname = `/${caller.spec.vmId}${url.pathname}`;
    return imds()({ ...request, url });
  };
}
