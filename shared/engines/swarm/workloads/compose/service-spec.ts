import type { ContainerSpec, ContainerTaskSpec, HealthConfig, MountSettings, ServiceSpec } from 'dockerode';
import { nameIn, ownLabels } from '../labels';
import type { Mount } from './mounts';
import { Unreadable } from './scalars';
import type { ComposeFile, ComposeService } from './schema';

/** A service of this release always has a container. */
export interface WorkloadService extends ServiceSpec {
  Name: string;
  Labels: Record<string, string>;
  TaskTemplate: ContainerTaskSpec;
}

/** Of a tmpfs, as Docker's own. */
const STICKY_FOR_ALL = 0o1777;
/** Networks that every node has by itself; a container on one has no other names. */
const PREDEFINED = ['host', 'bridge', 'none'];
export const DEFAULT_NETWORK = 'default';

/** One service of a Compose file as Swarm takes it. Throws Unreadable. */
export function serviceSpec(workload: string, key: string, file: ComposeFile): WorkloadService {
  const service = file.services[key] as ComposeService;
  const { deploy, ports } = service;
  const networks = Object.entries(service.networks ?? { [DEFAULT_NETWORK]: [] });
  return {
    Name: nameIn(workload, key),
    Labels: { ...deploy.labels, ...ownLabels(workload) },
    TaskTemplate: {
      ContainerSpec: containerSpec(workload, service, file),
      Networks: networks.map(([network, aliases]) => {
        const target = networkName(workload, network, file);
        return { Target: target, ...(!PREDEFINED.includes(target) && { Aliases: [...new Set([key, ...aliases])] }) };
      }),
      ...placed(deploy),
    },
    Mode: modeOf(deploy),
    ...(deploy.update_config && { UpdateConfig: updateConfig(deploy.update_config) }),
    EndpointSpec: { Mode: deploy.endpoint_mode ?? 'vip', Ports: ports },
  };
}

/** As Swarm knows it, or is to know it. */
export function networkName(workload: string, key: string, { networks }: ComposeFile): string {
  const network = networks[key];
  if (!network && key !== DEFAULT_NETWORK) throw new Unreadable(`names the network ${key}, which is not in networks`);
  return network?.external ? (network.name ?? key) : nameIn(workload, key);
}

function containerSpec(workload: string, service: ComposeService, file: ComposeFile): ContainerSpec {
  return {
    Image: service.image,
    Labels: { ...service.labels, ...ownLabels(workload) },
    Command: service.entrypoint,
    Args: service.command,
    Env: Object.entries(service.environment).map(([name, value]) => `${name}=${value}`),
    Hostname: service.hostname,
    Dir: service.working_dir,
    User: service.user,
    Init: service.init,
    ReadOnly: service.read_only,
    StopSignal: service.stop_signal,
    StopGracePeriod: service.stop_grace_period,
    CapabilityAdd: service.cap_add,
    CapabilityDrop: service.cap_drop,
    HealthCheck: service.healthcheck && healthConfig(service.healthcheck),
    Mounts: service.volumes.map((mount) => mountSettings(workload, mount, file)),
  };
}

function healthConfig(check: NonNullable<ComposeService['healthcheck']>): HealthConfig {
  if (check.disable) return { Test: ['NONE'] };
  return {
    Test: check.test,
    Interval: check.interval,
    Timeout: check.timeout,
    Retries: check.retries,
    StartPeriod: check.start_period,
  };
}

function mountSettings(workload: string, mount: Mount, file: ComposeFile): MountSettings {
  const { type: Type, source, target: Target, readOnly: ReadOnly, sizeBytes: SizeBytes } = mount;
  if (Type === 'tmpfs') return { Type, Source: '', Target, TmpfsOptions: { SizeBytes, Mode: STICKY_FOR_ALL } };
  if (Type === 'bind') return { Type, Source: source, Target, ReadOnly };
  const volume = file.volumes[source];
  if (!volume) throw new Unreadable(`names the volume ${source}, which is not in volumes`);
  if (volume.external) return { Type, Source: volume.name ?? source, Target, ReadOnly };
  return {
    Type,
    Source: nameIn(workload, source),
    Target,
    ReadOnly,
    VolumeOptions: {
      NoCopy: false,
      Labels: { ...volume.labels, ...ownLabels(workload) },
      DriverConfig: { Name: volume.driver ?? 'local', Options: volume.driver_opts ?? {} },
    },
  };
}

/** Where tasks may run, what they may use, and when they begin anew. */
function placed({
  placement,
  resources,
  restart_policy: restart,
}: ComposeService['deploy']): Partial<ContainerTaskSpec> {
  const { limits, reservations } = resources ?? {};
  return {
    Placement: {
      Constraints: placement.constraints,
      Preferences: placement.preferences?.map(({ spread }) => ({ Spread: { SpreadDescriptor: spread } })),
      MaxReplicas: placement.max_replicas_per_node,
    },
    Resources: {
      ...(limits && { Limits: { NanoCPUs: limits.cpus, MemoryBytes: limits.memory, Pids: limits.pids } }),
      ...(reservations && { Reservations: { NanoCPUs: reservations.cpus, MemoryBytes: reservations.memory } }),
    },
    ...(restart && {
      RestartPolicy: {
        Condition: restart.condition,
        Delay: restart.delay,
        MaxAttempts: restart.max_attempts,
        Window: restart.window,
      },
    }),
  };
}

function modeOf({ mode, replicas }: ComposeService['deploy']): ServiceSpec['Mode'] {
  if (mode === 'replicated') return { Replicated: { Replicas: replicas ?? 1 } };
  if (replicas !== undefined) throw new Unreadable('has deploy.replicas, which a global service does not have');
  return { Global: {} };
}

const updateConfig = (config: NonNullable<ComposeService['deploy']['update_config']>): ServiceSpec['UpdateConfig'] => ({
  Parallelism: config.parallelism,
  Delay: config.delay,
  FailureAction: config.failure_action,
  Monitor: config.monitor,
  MaxFailureRatio: config.max_failure_ratio,
  Order: config.order,
});
