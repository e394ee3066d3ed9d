import type { Outcome } from '../model/errors';
import type { NodeRole } from '../model/node';

/** Azure's view of one VM of a cluster. */
export interface Machine {
  vmId: string;
  role: NodeRole;
  /** Instance id of an agent, name of a master. */
  instanceId: string;
  /** Guest host name, where Azure told it. */
  computerName: string;
  /** Azure resource id, as Azure spells it. */
  resourceId: string;
  /** VM size, such as `Standard_B2s`; of an agent that of its instance, which may not be the scale set's yet. */
  size: string;
  provisioning: 'creating' | 'updating' | 'succeeded' | 'failed' | 'deleting';
  power: 'unknown' | 'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated';
  createdAt: string;
  address: string;
  /** Azure's code and message when provisioning failed. */
  failure?: { code: string; message: string };
}

export interface ScaleSet {
  capacity: number;
  /** VM size of agents to come. */
  size: string;
  etag: string;
  provisioning: Machine['provisioning'];
}

/** A long-running operation that was begun; `poller` is small plain JSON without secrets, safe in a Durable history. */
export interface Begun {
  poller: string;
}

export type LongRunning =
  | { state: 'running'; retryAfterMs: number }
  | { state: 'succeeded' }
  /** `code` is Starling's; `message` holds Azure's own code and text. */
  | {
      state: 'failed';
      code: 'QUOTA_EXCEEDED' | 'CAPACITY_UNAVAILABLE' | 'SCALE_SET_CONFLICT' | 'DEPLOYMENT_FAILED';
      message: string;
    };

/** Output of a finished command is at most the last 4 KB of each stream; that is all that run command keeps. */
export type CommandProgress =
  | { state: 'running'; retryAfterMs: number }
  | { state: 'succeeded'; stdout: string; stderr: string }
  | { state: 'failed'; code: 'COMMAND_FAILED'; message: string };

/** A VM by what Azure calls it: instance id of an agent, name of a master. */
export interface MachineRef {
  role: NodeRole;
  instanceId: string;
}

export interface Location {
  name: string;
  displayName: string;
}

export interface VmSize {
  name: string;
  cores: number;
  memoryGiB: number;
  /** Cores of its family that this subscription may use here, and uses; undefined where Azure names no limit. */
  quota?: { used: number; limit: number };
}

export interface VmImage {
  publisher: string;
  offer: string;
  sku: string;
  version: string;
}

/** What of a cluster is submitted: everything, its network and storage only, or one master that is to be made anew. */
export type DeploymentPart = 'all' | 'storage' | `master${number}`;

export interface ResourceProgress {
  name: string;
  type: string;
  state: 'running' | 'succeeded' | 'failed';
  code?: string;
  message?: string;
}

export interface Deployment {
  state: 'running' | 'succeeded' | 'failed';
  parameters: unknown;
  outputs: Record<string, unknown>;
  /** Why it failed. */
  code?: 'QUOTA_EXCEEDED' | 'CAPACITY_UNAVAILABLE' | 'DEPLOYMENT_FAILED';
  message?: string;
}

/** Azure Resource Manager. Calls are few: their number does not grow with the nodes, except for pages and batches. */
export interface Cloud {
  /** Is there quota for these cores in this location? A negative count is what is given back on the way. One call. */
  checkQuota(need: { location: string; sizes: { size: string; count: number }[] }): Promise<Outcome<object>>;
  /**
   * Creates or finds both groups, tagged. Refuses with NAME_TAKEN when one exists without Starling's tags; throws
   * AZURE_UNAVAILABLE while one is still being deleted. A repeat is harmless.
   */
  ensureGroups(cluster: string, location: string): Promise<Outcome<object>>;
  /**
   * Submits the template (incremental, so a repeat converges). Refuses what Azure rejects at once. Each part is a deployment
   * of its own name; without `part` it is the whole cluster's.
   */
  beginDeployment(
    cluster: string,
    template: unknown,
    parameters: unknown,
    part?: DeploymentPart,
  ): Promise<Outcome<object>>;
  getDeployment(cluster: string, part?: DeploymentPart): Promise<Deployment | undefined>;
  /** The template as it was submitted; undefined before that. */
  getTemplate(cluster: string): Promise<unknown>;
  /** Every resource of the deployment, nested ones included; empty before Azure began. */
  listDeploymentOperations(cluster: string, part?: DeploymentPart): Promise<ResourceProgress[]>;
  /** Masters, then agents; deleted ones are absent. Two calls, one per master, one per further page. Empty when the group is not there. */
  listMachines(cluster: string): Promise<Machine[]>;
  /** One instance or master by its id, undefined when Azure does not know it. One call. */
  getMachine(cluster: string, role: NodeRole, instanceId: string): Promise<Machine | undefined>;
  getScaleSet(cluster: string): Promise<ScaleSet | undefined>;
  /** Conditional on the etag just read; SCALE_SET_CONFLICT means read again. */
  setCapacity(cluster: string, capacity: number, etag: string): Promise<Outcome<Begun>>;
  /**
   * Deletes exactly these instances (1 to 1000, in batches of 100) and lowers capacity by as many. Unknown ids are left
   * out. A conflict in a later batch refuses the whole although earlier batches were begun; repeating it is safe.
   */
  deleteAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  /** Power on, or restart; an empty list is a bug and throws. */
  startAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  restartAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  /** Power off (the cores stay reserved and billed) or deallocate (only disks are billed). Guests may stop their services first. */
  stopAgents(cluster: string, instanceIds: string[], how: { deallocate: boolean }): Promise<Outcome<Begun>>;
  /** Empties the disks and boots again: same vmId and instance id, new everything else. */
  reimageAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  /** Brings instances to the scale set's model, its VM size above all; they restart for that. */
  updateAgents(cluster: string, instanceIds: string[]): Promise<Outcome<Begun>>;
  /** Writes the size of agents to come into the model; the capacity stays. Conditional on the etag just read. */
  setAgentSize(cluster: string, size: string, etag: string): Promise<Outcome<Begun>>;
  /**
   * Has Azure evict one agent as if it needed its capacity back: Azure answers at once, and acts within half a minute. Refuses
   * with INVALID_REQUEST when the agent is no Spot machine, NODE_NOT_FOUND when it is not there, SCALE_SET_CONFLICT when it is off.
   */
  simulateEviction(cluster: string, instanceId: string): Promise<Outcome<object>>;
  /** Of masters: one that is not there needs nothing done to it. */
  startMaster(cluster: string, name: string): Promise<Outcome<Begun>>;
  stopMaster(cluster: string, name: string, how: { deallocate: boolean }): Promise<Outcome<Begun>>;
  restartMaster(cluster: string, name: string): Promise<Outcome<Begun>>;
  /** Deletes the VM with its OS disk and network card; its public address stays. A repeat is harmless. */
  deleteMaster(cluster: string, name: string): Promise<Outcome<Begun>>;
  /** Lets Azure's own autoscale act or not; without an autoscale setting there is nothing to do. A repeat is harmless. */
  setAutoscale(cluster: string, enabled: boolean): Promise<Outcome<object>>;
  /**
   * Runs a script on a VM through its agent: tens of seconds, one at a time. The script is kept in Azure's logs, so it never
   * holds a secret. A repeat runs it again. Throws AZURE_UNAVAILABLE while another one runs there; refuses with COMMAND_FAILED
   * when the machine is off or not there.
   */
  beginCommand(cluster: string, machine: MachineRef, script: string[]): Promise<Outcome<Begun>>;
  /** Gives up on a silent machine after a quarter of an hour. A script that fails has succeeded: let it say how it ended. */
  pollCommand(poller: string): Promise<CommandProgress>;
  poll(poller: string): Promise<LongRunning>;
  /**
   * Account and key of the cluster's shares; undefined when the account is not there. The key is for tickets only: it is never
   * written down, and remembered for half a minute, so that a wave of nodes costs two calls.
   */
  storageAccess(cluster: string): Promise<{ account: string; key: string } | undefined>;
  /** True when the group is there and carries Starling's tags for this cluster. */
  ownsGroup(cluster: string, group: string): Promise<boolean>;
  /** Locations that this subscription may use, by name. */
  listLocations(): Promise<Location[]>;
  /** Sizes that may be used in the location, smallest first. Throws INVALID_REQUEST for an unknown location. */
  listSizes(location: string): Promise<VmSize[]>;
  /** Newest images that Starling could run on, at most 20. */
  listImages(location: string): Promise<VmImage[]>;
  /** Begins to delete the group when it carries Starling's tags for this cluster; `absent` when it is not there (also after deletion). */
  deleteGroup(cluster: string, group: string): Promise<'begun' | 'absent' | 'foreign'>;
  groupExists(group: string): Promise<boolean>;
  /** Ids of everything in the subscription tagged with the cluster, resource groups included. */
  listTagged(cluster: string): Promise<string[]>;
}
