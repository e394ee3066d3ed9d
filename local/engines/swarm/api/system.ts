import type { SimResponse } from '../../../azure/http';
import { json } from '../docker-error';
import type { DaemonRecord } from '../records';
import type { Call } from './call';

/** The oldest and the newest API that each version of the Engine speaks; the first that is not newer counts. */
const API_VERSIONS: [engine: [number, number], oldest: string, newest: string][] = [
  [[29, 3], '1.40', '1.55'], // the minimum went back to 1.40 (facts/cluster.md 3.3)
  [[29, 0], '1.44', '1.53'],
  [[28, 0], '1.24', '1.51'],
  [[0, 0], '1.12', '1.41'],
];

export function apiVersionsOf({ version }: DaemonRecord): { oldest: string; newest: string } {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const row = API_VERSIONS.find(([[m, n]]) => major > m || (major === m && minor >= n));
  const [, oldest, newest] = row ?? API_VERSIONS[API_VERSIONS.length - 1]!;
  return { oldest, newest };
}

export const ping = ({ request, daemon, members }: Call): SimResponse => {
  const { state, isManager } = members.info(daemon.machineId);
  const role = isManager ? 'manager' : 'worker';
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-cache, no-store, must-revalidate',
    'docker-experimental': 'false',
    swarm: state === 'active' ? `${state}/${role}` : state,
  };
  return { status: 200, headers, body: request.method === 'HEAD' ? '' : 'OK' };
};

export function version({ daemon }: Call): SimResponse {
  const { oldest, newest } = apiVersionsOf(daemon);
  return json(200, {
    Platform: { Name: 'Docker Engine - Community' },
    Version: daemon.version,
    ApiVersion: newest,
    MinAPIVersion: oldest,
    Os: 'linux',
    Arch: 'amd64',
  });
}

export const info = (call: Call): SimResponse => {
  const { daemon } = call;
  return json(200, {
    ID: daemon.machineId,
    Name: daemon.hostname,
    ServerVersion: daemon.version,
    OSType: 'linux',
    Architecture: 'x86_64',
    NCPU: 2,
    MemTotal: 8_323_584_000,
    Containers: 0,
    ContainersRunning: 0,
    Labels: [],
    Swarm: swarmOf(call),
    Warnings: null,
  });
};

/** moby `daemon/cluster/swarm.go`, Info: a manager that has lost its leader stays active and says why it knows nothing. */
function swarmOf({ daemon, state, members }: Call): object {
  const { nodeId, nodeAddr, error, isManager, ...local } = members.info(daemon.machineId);
  const base = {
    NodeID: nodeId,
    NodeAddr: nodeAddr,
    LocalNodeState: local.state,
    ControlAvailable: isManager,
    Error: error,
    RemoteManagers: null,
  };
  const swarm = nodeId === '' ? undefined : state.swarm(daemon.membership?.swarmId ?? '');
  if (!swarm) return base;
  const nodes = state.objects(swarm.ID).nodes.list();
  const RemoteManagers = nodes
    .filter(({ ID }) => swarm.members.includes(ID))
    .map(({ ID, Status }) => ({ NodeID: ID, Addr: `${Status.Addr}:2377` }));
  if (!isManager || !swarm.leader) return { ...base, RemoteManagers };
  const { ID, Version, CreatedAt, UpdatedAt, Spec, TLSInfo } = swarm;
  const Cluster = { ID, Version, CreatedAt, UpdatedAt, Spec, TLSInfo, SubnetSize: swarm.SubnetSize };
  return { ...base, RemoteManagers, Nodes: nodes.length, Managers: swarm.members.length, Cluster };
}
