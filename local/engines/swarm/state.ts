import type { Clock } from '../../clock';
import type { Store } from '../../store';
import { outOfSequence } from './docker-error';
import { newId } from './ids';
import type { DaemonRecord, Meta, NetworkRecord, NodeRecord, ServiceRecord, SwarmRecord, TaskRecord } from './records';

/** One kind of objects of one swarm, ordered by id. */
export interface Collection<T extends Meta> {
  find(id: string): T | undefined;
  list(): T[];
  create(object: Omit<T, keyof Meta>): T;
  /** Replaces the object and gives it a new version; undefined when it was removed meanwhile. */
  change(id: string, change: Partial<T>): T | undefined;
  remove(id: string): void;
}

/** What raft keeps for one swarm. One counter gives every write its version, as the index of raft's log does. */
export interface SwarmObjects {
  nodes: Collection<NodeRecord>;
  services: Collection<ServiceRecord>;
  tasks: Collection<TaskRecord>;
  networks: Collection<NetworkRecord>;
  /** Of the last write to any of them. */
  revision(): number;
}

/** All daemons and swarms. */
export interface SwarmState {
  daemon(machineId: string): DaemonRecord | undefined;
  daemons(): DaemonRecord[];
  saveDaemon(daemon: DaemonRecord): void;
  removeDaemon(machineId: string): void;
  /** Two clusters may use the same private addresses, each in a network of its own. */
  daemonAt(clusterName: string, ip: string): DaemonRecord | undefined;
  /** The daemon whose API answers at this name. */
  daemonNamed(fqdn: string): DaemonRecord | undefined;
  swarm(id: string): SwarmRecord | undefined;
  /** The swarm of a cluster; the last one where an older one left its data on some disk. */
  swarmOf(clusterName: string): SwarmRecord | undefined;
  createSwarm(swarm: Omit<SwarmRecord, keyof Meta>): SwarmRecord;
  /** What raft itself keeps: its version stays. */
  changeSwarm(id: string, change: Partial<SwarmRecord>): void;
  /** The cluster object, which has a version like every other. */
  updateSwarm(id: string, change: Partial<SwarmRecord>): void;
  /** With all objects in it. */
  removeSwarm(id: string): void;
  objects(swarmId: string): SwarmObjects;
  /** The daemon of a node, while it runs as that node. */
  daemonOf(node: NodeRecord): DaemonRecord | undefined;
}

const SWARMS = 'swarm-swarms';
const DAEMONS = 'swarm-daemons';
const DOORS = 'swarm-doors';
const REVISIONS = 'swarm-revisions';
const KINDS = ['nodes', 'services', 'tasks', 'networks'] as const;

export function createState(store: Store, clock: Clock): SwarmState {
  const revision = (id: string): number => store.get<number>(REVISIONS, id) ?? 9;
  const nextVersion = (id: string): { Index: number } => {
    const next = revision(id) + 1;
    store.put(REVISIONS, id, next);
    return { Index: next };
  };
  const stamp = (): string => new Date(clock.now()).toISOString();
  const newMeta = (swarmId: string, ID = newId()): Meta => ({
    ID,
    Version: nextVersion(swarmId),
    CreatedAt: stamp(),
    UpdatedAt: stamp(),
  });
  const daemons = (): DaemonRecord[] => store.list<DaemonRecord>(DAEMONS).map(([, daemon]) => daemon);
  const daemon = (machineId: string): DaemonRecord | undefined => store.get<DaemonRecord>(DAEMONS, machineId);
  const swarm = (id: string): SwarmRecord | undefined => store.get<SwarmRecord>(SWARMS, id);

  const collection = <T extends Meta>(swarmId: string, kind: string): Collection<T> => {
    const name = `swarm/${swarmId}/${kind}`;
    return {
      find: (id) => store.get<T>(name, id),
      list: () => store.list<T>(name).map(([, object]) => object),
      create(object) {
        const complete = { ...newMeta(swarmId), ...object } as T;
        store.put(name, complete.ID, complete);
        return complete;
      },
      change(id, change) {
        const found = store.get<T>(name, id);
        if (!found) return undefined;
        const changed = { ...found, ...change, Version: nextVersion(swarmId), UpdatedAt: stamp() };
        store.put(name, id, changed);
        return changed;
      },
      remove(id) {
        store.delete(name, id);
        nextVersion(swarmId);
      },
    };
  };

  return {
    daemon,
    daemons,
    saveDaemon(record) {
      store.put(DAEMONS, record.machineId, record);
      if (record.certificates) store.put(DOORS, record.certificates.fqdn, record.machineId);
    },
    removeDaemon(machineId) {
      const fqdn = daemon(machineId)?.certificates?.fqdn;
      if (fqdn !== undefined && store.get(DOORS, fqdn) === machineId) store.delete(DOORS, fqdn);
      store.delete(DAEMONS, machineId);
    },
    daemonAt: (clusterName, ip) => daemons().find((one) => one.clusterName === clusterName && one.ip === ip),
    daemonNamed(fqdn) {
      const machineId = store.get<string>(DOORS, fqdn);
      return machineId === undefined ? undefined : daemon(machineId);
    },
    swarm,
    swarmOf: (clusterName) =>
      store
        .list<SwarmRecord>(SWARMS)
        .map(([, one]) => one)
        .filter((one) => one.clusterName === clusterName)
        .sort((a, b) => b.CreatedAt.localeCompare(a.CreatedAt))[0],
    createSwarm(given) {
      const ID = newId();
      const created = { ...newMeta(ID, ID), ...given };
      store.put(SWARMS, ID, created);
      return created;
    },
    changeSwarm(id, change) {
      const found = swarm(id);
      if (found) store.put(SWARMS, id, { ...found, ...change });
    },
    updateSwarm(id, change) {
      const found = swarm(id);
      if (found) store.put(SWARMS, id, { ...found, ...change, Version: nextVersion(id), UpdatedAt: stamp() });
    },
    removeSwarm(id) {
      for (const kind of KINDS)
        for (const [key] of store.list(`swarm/${id}/${kind}`)) store.delete(`swarm/${id}/${kind}`, key);
      store.delete(REVISIONS, id);
      store.delete(SWARMS, id);
    },
    objects: (id) => ({
      nodes: collection(id, 'nodes'),
      services: collection(id, 'services'),
      tasks: collection(id, 'tasks'),
      networks: collection(id, 'networks'),
      revision: () => revision(id),
    }),
    daemonOf(node) {
      const found = daemon(node.machineId);
      return found?.running && found.membership?.nodeId === node.ID ? found : undefined;
    },
  };
}

/** An update names the version that it changes; swarmkit refuses every other one. */
export function requireVersion({ Version }: Meta, index: number): void {
  if (Version.Index !== index) throw outOfSequence();
}
