/** What Azure knows of a VM when it boots it. */
export interface MachineSpec {
  /** Never reused; lower case. */
  vmId: string;
  /** Azure's name: `master0`, or `agents_3` for an instance of a scale set. */
  name: string;
  /** Guest host name: `master0`, or prefix + instance id in base 36, six digits. */
  computerName: string;
  subscriptionId: string;
  resourceGroup: string;
  resourceId: string;
  location: string;
  size: string;
  priority: 'Regular' | 'Spot';
  /** Only for instances of a scale set. */
  scaleSet?: { name: string; instanceId: string };
  /** Name, for single VMs that are in one. */
  availabilitySet?: string;
  /** base64, exactly as it was submitted; the machine learns everything else from it, as a real one does. */
  customData: string;
  tags: Record<string, string>;
  privateIp: string;
  /** Public DNS name, where the VM has a public IP address with one. */
  fqdn?: string;
  imageReference?: Record<string, string>;
}

/**
 * How a simulated VM becomes a machine. Every call returns at once and bears a repeat; what the machine does then takes
 * simulated time. A machine that is not booted answers nothing.
 */
export interface MachineDriver {
  /** Power on with the disk as it is; the first boot finds an empty disk. */
  boot(spec: MachineSpec): void;
  /** Power off. Graceful lets the guest stop its services first; `comesBack` is a reboot, which a guest does not call leaving. */
  shutdown(vmId: string, graceful: boolean, comesBack?: boolean): void;
  /** Empties the disk. The caller boots the machine afterwards. */
  wipe(vmId: string): void;
  /** The VM is no more. */
  destroy(vmId: string): void;
  /** The guest dies without warning but Azure still calls the VM running. */
  hang(vmId: string): void;
  /** IMDS shows this event of the machine from now on, to all of its scale set or availability set; the same id again replaces it. */
  announce(vmId: string, event: ScheduledEvent): void;
  /** Whether the machine has asked for scheduled events in the last day: only then a restart waits for its approval. */
  hearsEvents(vmId: string): boolean;
  /** Runs a shell script through the VM agent; rejects when the machine is not up. */
  runCommand(vmId: string, script: string[]): Promise<{ stdout: string; stderr: string }>;
}

export interface ScheduledEvent {
  EventId: string;
  EventType: 'Freeze' | 'Reboot' | 'Redeploy' | 'Preempt' | 'Terminate';
  ResourceType: 'VirtualMachine';
  Resources: string[];
  EventStatus: 'Scheduled' | 'Started';
  /** RFC 1123, empty once started. */
  NotBefore: string;
  Description: string;
  EventSource: 'Platform' | 'User';
  DurationInSeconds: number;
}
