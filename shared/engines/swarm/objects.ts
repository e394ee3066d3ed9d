import type { SwarmClient } from './connection';
import { isDockerStatus } from './errors';

/**
 * What the adapter reads of the API's answers, whose types dockerode leaves open; the same from API 1.41 (Docker 20.10) to 1.55
 * (29.7). Source: `api/docs/v1.41.yaml` and later in moby/moby.
 */
interface Meta {
  ID: string;
  /** Every write names the version that was read, and is refused once that has moved on. */
  Version: { Index: number };
  CreatedAt: string;
  UpdatedAt: string;
}

type Labels = Record<string, string>;

export interface NodeSpec {
  Name?: string;
  Labels?: Labels;
  Role: 'manager' | 'worker';
  Availability: 'active' | 'pause' | 'drain';
}

export interface NodeObject extends Meta {
  Spec: NodeSpec;
  Description: {
    Hostname?: string;
    Platform?: { OS?: string; Architecture?: string };
    Engine?: { EngineVersion?: string; Labels?: Labels };
  };
  Status: { State?: 'unknown' | 'down' | 'ready' | 'disconnected'; Message?: string; Addr?: string };
  /** Of members of raft alone, whatever the spec says. */
  ManagerStatus?: { Addr?: string; Reachability?: string; Leader?: boolean };
}

export interface TaskSpec {
  ForceUpdate?: number;
  Placement?: { Constraints?: string[] | null };
}

export interface ServiceSpec {
  Name: string;
  Labels?: Labels;
  TaskTemplate: TaskSpec;
  Mode?: { Replicated?: { Replicas?: number } };
  /** How tasks are replaced, `stop-first` unless it says otherwise. */
  UpdateConfig?: { Order?: string };
}

export interface ServiceObject extends Meta {
  Spec: ServiceSpec;
  /** Absent until an update has begun: `updating`, `paused`, `completed`, `rollback_…`. */
  UpdateStatus?: { State?: string } | null;
}

export interface TaskObject extends Meta {
  Spec: TaskSpec;
  /** Absent on what `docker run --network` has attached: a container of its own. */
  ServiceID?: string;
  /** Of replicated services alone. */
  Slot?: number;
  NodeID?: string;
  Status: { State: string; Err?: string };
  DesiredState: string;
}

type Filters = Record<string, string[]>;

export const listNodeObjects = (client: SwarmClient, filters: Filters = {}): Promise<NodeObject[]> =>
  client.listNodes({ filters: JSON.stringify(filters) });
export const listServiceObjects = (client: SwarmClient): Promise<ServiceObject[]> =>
  client.listServices() as Promise<unknown> as Promise<ServiceObject[]>; // typed there, with every part optional
export const listTaskObjects = (client: SwarmClient, filters: Filters): Promise<TaskObject[]> =>
  client.listTasks({ filters: JSON.stringify(filters) });

/** Undefined when there is none. The API also takes the begin of an id, or a hostname, for one. */
export async function readNodeObject(client: SwarmClient, id: string): Promise<NodeObject | undefined> {
  const node = await orAbsent<NodeObject>(client.getNode(id).inspect());
  return node?.ID === id ? node : undefined;
}

/** Undefined when the daemon knows no such object (404). */
export async function orAbsent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isDockerStatus(error, 404)) return undefined;
    throw error;
  }
}
