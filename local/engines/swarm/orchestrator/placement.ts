import { meets } from '../constraints';
import type { NodeRecord, Port, ServiceRecord, TaskRecord } from '../records';
import { change, enter, isOver, isWanted, type Pass } from './pass';

/** What is on a node, as far as the scheduler looks. */
interface Place {
  node: NodeRecord;
  nanoCpus: number;
  bytes: number;
  total: number;
  services: Map<string, number>;
  hostPorts: Set<string>;
}

interface Wish {
  task: TaskRecord;
  ports: Port[];
}

/** Each filter with the words for what it leaves out (swarmkit `manager/scheduler/filter.go`). */
const FILTERS: { says: (on: string, not: string) => string; admits: (place: Place, wish: Wish) => boolean }[] = [
  {
    says: (_, not) => not,
    admits: ({ node }) => node.Status.State === 'ready' && node.Spec.Availability === 'active',
  },
  {
    says: (on) => `insufficient resources ${on}`,
    admits: (place, { task }) => {
      const { NanoCPUs = 0, MemoryBytes = 0 } = task.Spec.Resources?.Reservations ?? {};
      return NanoCPUs <= place.nanoCpus && MemoryBytes <= place.bytes;
    },
  },
  {
    says: (on) => `scheduling constraints not satisfied ${on}`,
    admits: ({ node }, { task }) => meets(node, task.Spec.Placement?.Constraints),
  },
  {
    says: (on) => `host-mode port already in use ${on}`,
    admits: ({ hostPorts }, { ports }) => !ports.some((port) => hostPorts.has(keyOf(port))),
  },
  {
    says: () => 'max replicas per node limit exceed',
    admits: ({ services }, { task }) => {
      const most = task.Spec.Placement?.MaxReplicas ?? 0;
      return most === 0 || (services.get(task.ServiceID) ?? 0) < most;
    },
  },
];

const keyOf = ({ PublishedPort, Protocol }: Port): string => `${PublishedPort}/${Protocol}`;

const hostPortsOf = (service: ServiceRecord | undefined): Port[] =>
  (service?.Endpoint.Ports ?? []).filter(({ PublishMode }) => PublishMode === 'host');

/**
 * Gives waiting tasks a node: of those that pass all filters the one with the fewest tasks of the service, then the fewest
 * at all. A task that fits nowhere is told why, and waits. Tasks that run are never moved.
 */
export function assignTasks(pass: Pass, services: Map<string, ServiceRecord>): void {
  const waiting = [...pass.tasks.values()].filter(
    (task) => isWanted(task) && ['new', 'pending'].includes(task.Status.State),
  );
  if (waiting.length === 0) return;
  const places = placesOf(pass, services);
  for (const task of waiting) {
    const ports = hostPortsOf(services.get(task.ServiceID));
    const eligible =
      task.NodeID === undefined ? [...places.values()] : [places.get(task.NodeID)].filter((one) => !!one);
    assign(pass, { task, ports }, eligible);
  }
}

function assign(pass: Pass, wish: Wish, eligible: Place[]): void {
  const { task } = wish;
  const fitting = eligible.filter((place) => FILTERS.every(({ admits }) => admits(place, wish)));
  const best = fitting.sort(
    (a, b) => (a.services.get(task.ServiceID) ?? 0) - (b.services.get(task.ServiceID) ?? 0) || a.total - b.total,
  )[0];
  if (best) {
    enter(pass, task, { State: 'assigned', Message: 'scheduler assigned task to node', NodeID: best.node.ID });
    return occupy(best, wish);
  }
  const Err = explain(wish, eligible);
  if (task.Status.State === 'pending' && task.Status.Err === Err) return;
  change(pass, task, { Status: { ...task.Status, State: 'pending', Message: 'pending task scheduling', Err } });
}

/** Each node counts for the first filter that leaves it out; most nodes come first. */
function explain(wish: Wish, eligible: Place[]): string {
  const failures = FILTERS.map(({ says, admits }, index) => {
    const before = FILTERS.slice(0, index);
    const out = eligible.filter(
      (place) => before.every((filter) => filter.admits(place, wish)) && !admits(place, wish),
    );
    const count = out.length;
    const words = says(
      count === 1 ? 'on 1 node' : `on ${count} nodes`,
      count === 1 ? '1 node not available for new tasks' : `${count} nodes not available for new tasks`,
    );
    return { count, words };
  });
  const said = failures.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
  return said.length === 0 ? 'no suitable node' : `no suitable node (${said.map(({ words }) => words).join('; ')})`;
}

function placesOf(pass: Pass, services: Map<string, ServiceRecord>): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const node of pass.nodes.values()) {
    const { NanoCPUs, MemoryBytes } = node.Description.Resources;
    places.set(node.ID, {
      node,
      nanoCpus: NanoCPUs,
      bytes: MemoryBytes,
      total: 0,
      services: new Map(),
      hostPorts: new Set(),
    });
  }
  for (const task of pass.tasks.values()) {
    const place = places.get(task.NodeID ?? '');
    const isHere = isWanted(task) && !isOver(task) && !['new', 'pending'].includes(task.Status.State);
    if (place && isHere) occupy(place, { task, ports: hostPortsOf(services.get(task.ServiceID)) });
  }
  return places;
}

function occupy(place: Place, { task, ports }: Wish): void {
  const { NanoCPUs = 0, MemoryBytes = 0 } = task.Spec.Resources?.Reservations ?? {};
  place.nanoCpus -= NanoCPUs;
  place.bytes -= MemoryBytes;
  place.total += 1;
  place.services.set(task.ServiceID, (place.services.get(task.ServiceID) ?? 0) + 1);
  for (const port of ports) place.hostPorts.add(keyOf(port));
}
