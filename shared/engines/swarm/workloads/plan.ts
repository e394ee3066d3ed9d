import type { NetworkCreateOptions } from 'dockerode';
import { refuse, type Outcome } from '../../../model/errors';
import type { WorkloadChange } from '../../../model/workload';
import { networkName, serviceSpec, DEFAULT_NETWORK, type WorkloadService } from './compose/service-spec';
import { Unreadable } from './compose/scalars';
import type { ComposeFile } from './compose/schema';
import { KIND_LABEL, MARK_LABEL, nameIn, ownLabels, PARTS_LABEL, type Labels } from './labels';

/** More than any application that one would send by hand. */
const MAX_SERVICES = 100;
/** `isValidName` of swarmkit `manager/controlapi/common.go`. */
const NAME = /^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/;
const MAX_NAME = 63;

export type WorkloadNetwork = NetworkCreateOptions & { Labels: Labels };

/** All that a workload is to consist of. */
export interface Plan {
  networks: WorkloadNetwork[];
  services: WorkloadService[];
}

/** What Swarm is asked for. INVALID_REQUEST names the service or network that means nothing to it. */
export function planOf(change: WorkloadChange, file: ComposeFile): Outcome<{ plan: Plan }> {
  const keys = Object.keys(file.services);
  if (keys.length === 0 || keys.length > MAX_SERVICES)
    return broken('services', `has ${keys.length} services; 1 to ${MAX_SERVICES} are allowed`);
  const services: WorkloadService[] = [];
  for (const key of keys) {
    const problem = nameProblem(nameIn(change.name, key));
    if (problem) return broken(`services.${key}`, problem);
    try {
      services.push(labelled(serviceSpec(change.name, key, file), change, keys.length));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return broken(`services.${key}`, error.message);
    }
  }
  const twice = publishedTwice(services);
  return twice ? broken('services', twice) : withNetworks(change, file, services);
}

const broken = (path: string, why: string) => refuse('INVALID_REQUEST', `manifest: ${path} ${why}`);

function nameProblem(name: string): string | undefined {
  if (!NAME.test(name)) return 'has a name that Swarm does not take: letters and digits, with - and _ between them';
  if (name.length > MAX_NAME) return `is called ${name} in the swarm, which is longer than ${MAX_NAME} characters`;
  return undefined;
}

function labelled(service: WorkloadService, { kind, mark }: WorkloadChange, parts: number): WorkloadService {
  const labels = { [KIND_LABEL]: kind, [PARTS_LABEL]: `${parts}`, ...(mark && { [MARK_LABEL]: mark }) };
  return { ...service, Labels: { ...service.Labels, ...labels } };
}

/** `80/tcp` of each port that goes through the routing mesh, where it can be published once only. */
export const meshPorts = ({ EndpointSpec }: Pick<WorkloadService, 'EndpointSpec'>): string[] =>
  (EndpointSpec?.Ports ?? []).flatMap(({ PublishedPort, Protocol = 'tcp', PublishMode = 'ingress' }) =>
    PublishedPort && PublishMode === 'ingress' ? [`${PublishedPort}/${Protocol}`] : [],
  );

function publishedTwice(services: WorkloadService[]): string | undefined {
  const all = services.flatMap(meshPorts);
  const twice = all.find((port, index) => all.indexOf(port) !== index);
  return twice && `publish the port ${twice} more than once`;
}

/** Those that a service is on and that are not somebody else's. */
function withNetworks(change: WorkloadChange, file: ComposeFile, services: WorkloadService[]): Outcome<{ plan: Plan }> {
  const used = new Set(services.flatMap(({ TaskTemplate }) => TaskTemplate.Networks ?? []).map(({ Target }) => Target));
  const keys = [...new Set([DEFAULT_NETWORK, ...Object.keys(file.networks)])].filter(
    (key) => !file.networks[key]?.external && used.has(networkName(change.name, key, file)),
  );
  const renamed = keys.find((key) => file.networks[key]?.name !== undefined);
  if (renamed) return broken(`networks.${renamed}.name`, 'is for networks with external: true');
  const networks = keys.map((key): WorkloadNetwork => {
    const { driver_opts: Options, attachable = false, internal = false, labels } = file.networks[key] ?? {};
    return {
      Name: nameIn(change.name, key),
      Driver: 'overlay',
      CheckDuplicate: true,
      Attachable: attachable,
      Internal: internal,
      ...(Options && { Options }),
      Labels: { ...labels, ...ownLabels(change.name), [KIND_LABEL]: change.kind },
    };
  });
  return { ok: true, plan: { networks, services } };
}
