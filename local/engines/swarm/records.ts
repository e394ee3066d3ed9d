import type { ApiCertificates } from './certificates';
import type { Availability, DaemonStart, JoinOptions } from './swarm';

/** Objects are kept as the API shows them; what the simulator notes beside begins with a small letter and is not shown. */
export interface Meta {
  ID: string;
  Version: { Index: number };
  CreatedAt: string;
  UpdatedAt: string;
}

export type Labels = Record<string, string>;
/** Parts of a spec that nothing here reads. */
type Fields = Record<string, unknown>;

export interface SwarmSpec extends Fields {
  Name: string;
  Labels: Labels;
  Orchestration: { TaskHistoryRetentionLimit?: number };
  /** Nanoseconds. */
  CAConfig: { NodeCertExpiry?: number };
}

export interface SwarmRecord extends Meta {
  Spec: SwarmSpec;
  JoinTokens: { Worker: string; Manager: string };
  TLSInfo: { TrustRoot: string };
  RootRotationInProgress: boolean;
  DefaultAddrPool: string[];
  SubnetSize: number;
  DataPathPort: number;
  clusterName: string;
  /** Node ids of the members of raft, in the order in which they joined. */
  members: string[];
  /** Node id; empty without a leader. */
  leader: string;
  /** Enough members are up, and one of them will lead. */
  isElecting: boolean;
}

export interface NodeSpec extends Fields {
  Labels: Labels;
  Role: 'manager' | 'worker';
  Availability: Availability;
}

export interface NodeRecord extends Meta {
  Spec: NodeSpec;
  Description: {
    Hostname: string;
    Platform: { Architecture: string; OS: string };
    Resources: { NanoCPUs: number; MemoryBytes: number };
    Engine: { EngineVersion: string; Labels: Labels };
  };
  Status: { State: 'unknown' | 'ready' | 'down'; Message?: string; Addr: string };
  machineId: string;
  /** What it is; the spec says what it should be. */
  role: NodeSpec['Role'];
}

export interface Port {
  Protocol: string;
  TargetPort: number;
  PublishedPort?: number;
  PublishMode: string;
}

interface Resources {
  NanoCPUs?: number;
  MemoryBytes?: number;
}

export interface TaskSpec extends Fields {
  ContainerSpec: Fields & { Image: string; StopGracePeriod?: number };
  Resources?: { Limits?: Resources; Reservations?: Resources };
  RestartPolicy?: { Condition?: string; Delay?: number; MaxAttempts?: number };
  Placement?: Fields & { Constraints?: string[]; MaxReplicas?: number };
  Networks?: { Target: string; Aliases?: string[] }[];
  ForceUpdate: number;
}

export interface UpdateConfig {
  Parallelism?: number;
  Delay?: number;
  FailureAction?: string;
  Monitor?: number;
  MaxFailureRatio?: number;
  Order?: string;
}

export interface ServiceSpec extends Fields {
  Name: string;
  Labels: Labels;
  TaskTemplate: TaskSpec;
  Mode: { Replicated?: { Replicas?: number }; Global?: object };
  UpdateConfig?: UpdateConfig;
  Networks?: { Target: string }[];
  EndpointSpec?: { Mode?: string; Ports?: Port[] };
}

export interface UpdateStatus {
  State: 'updating' | 'paused' | 'completed';
  StartedAt: string;
  CompletedAt?: string;
  Message: string;
}

export interface ServiceRecord extends Meta {
  Spec: ServiceSpec;
  PreviousSpec?: ServiceSpec;
  Endpoint: { Spec?: object; Ports?: Port[]; VirtualIPs?: { NetworkID: string }[] };
  UpdateStatus?: UpdateStatus;
}

/** In the order in which a task passes through them (swarmkit `api/types.proto`). */
export const TASK_STATES = [
  'new',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
] as const;
export type TaskState = (typeof TASK_STATES)[number];

export interface TaskRecord extends Meta {
  Labels: Labels;
  Spec: TaskSpec;
  ServiceID: string;
  /** Of replicated services. */
  Slot?: number;
  NodeID?: string;
  Status: { Timestamp: string; State: TaskState; Message: string; Err?: string; ContainerStatus?: object };
  DesiredState: TaskState;
  /** `web.1.<id>`, by which tasks are found. */
  name: string;
  /** The run of the daemon that holds the container. */
  run?: number;
  /** It is wanted as `ready` until this time (in milliseconds), and until this task has stopped. */
  startAt?: number;
  after?: string;
  /** When it was told to stop. */
  stoppedAt?: number;
  /** Replacements in a row of tasks that ended by themselves. */
  attempts?: number;
  runningSince?: number;
  /** `StartedAt` of the update that made it. */
  update?: string;
}

export interface NetworkRecord extends Meta {
  Name: string;
  Labels: Labels;
  Options: Record<string, string>;
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  IPAM: { Driver: string; Config: { Subnet: string; Gateway: string }[] };
}

/** A machine's `/var/lib/docker` and the process on it. */
export interface DaemonRecord extends DaemonStart {
  running: boolean;
  /** Counts starts: containers end with the process. */
  run: number;
  membership?: Membership;
  certificates?: ApiCertificates;
}

export interface Membership {
  swarmId: string;
  /** Empty while it only tries to join. */
  nodeId: string;
  /** `active` since it last spoke with a leader after its start. */
  state: 'pending' | 'active' | 'error';
  error: string;
  advertiseAddr: string;
  /** When the node's certificate was issued, as far as the disk says; a running daemon renews it. */
  issuedAt: number;
  /** Kept in memory only by a real daemon. */
  joining?: JoinOptions;
}

/** What of a record the API shows. */
export function shown<T extends object>(record: T): object {
  return Object.fromEntries(Object.entries(record).filter(([key]) => /^[A-Z]/.test(key)));
}
