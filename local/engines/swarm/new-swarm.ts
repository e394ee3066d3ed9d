import { newSwarmCa } from './certificates';
import { newJoinToken } from './ids';
import { nextSubnet } from './subnets';
import type { SwarmRecord, SwarmSpec } from './records';
import type { SwarmState } from './state';
import type { InitOptions } from './swarm';

const DAYS_90_NS = 90 * 86_400 * 1e9;

/** swarmkit `api/defaults/service.go` and moby `daemon/cluster/swarm.go`. */
export const defaultSpec = (taskHistoryLimit = 5): SwarmSpec => ({
  Name: 'default',
  Labels: {},
  Orchestration: { TaskHistoryRetentionLimit: taskHistoryLimit },
  Raft: {
    SnapshotInterval: 10_000,
    KeepOldSnapshots: 0,
    LogEntriesForSlowFollowers: 500,
    ElectionTick: 10,
    HeartbeatTick: 1,
  },
  Dispatcher: { HeartbeatPeriod: 5e9 },
  CAConfig: { NodeCertExpiry: DAYS_90_NS },
  TaskDefaults: {},
  EncryptionConfig: { AutoLockManagers: false },
});

/** What `docker swarm init` makes before any node is in it, with the network of the routing mesh. */
export function newSwarm(state: SwarmState, clusterName: string, options: InitOptions): SwarmRecord {
  const ca = newSwarmCa();
  const swarm = state.createSwarm({
    Spec: defaultSpec(options.taskHistoryLimit),
    JoinTokens: { Worker: newJoinToken(ca), Manager: newJoinToken(ca) },
    TLSInfo: { TrustRoot: ca },
    RootRotationInProgress: false,
    DefaultAddrPool: options.defaultAddrPool?.length ? options.defaultAddrPool : ['10.0.0.0/8'],
    SubnetSize: options.subnetSize || 24,
    DataPathPort: 4789,
    clusterName,
    members: [],
    leader: '',
    isElecting: false,
  });
  state.objects(swarm.ID).networks.create({
    Name: 'ingress',
    Labels: {},
    Options: { 'com.docker.network.driver.overlay.vxlanid_list': '4096' },
    Internal: false,
    Attachable: false,
    Ingress: true,
    IPAM: { Driver: 'default', Config: [nextSubnet(swarm, [])] },
  });
  return swarm;
}
