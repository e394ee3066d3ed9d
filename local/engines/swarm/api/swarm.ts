import type { SimResponse } from '../../../azure/http';
import { badRequest, json, rpcError } from '../docker-error';
import { newJoinToken } from '../ids';
import { defaultSpec } from '../new-swarm';
import { shown, type SwarmSpec } from '../records';
import { requireVersion } from '../state';
import type { Availability } from '../swarm';
import { bodyOf, isTrue, labelsOf, versionOf, type Call, type ClusterCall } from './call';

const OK: SimResponse = { status: 200 };

const MIN_EXPIRY_NS = 3_600 * 1e9;

interface InitBody {
  AdvertiseAddr?: string;
  Availability?: Availability;
  DefaultAddrPool?: string[];
  SubnetSize?: number;
  ForceNewCluster?: boolean;
  Spec?: Partial<SwarmSpec>;
}

export function initSwarm({ request, daemon, members }: Call): SimResponse {
  const body = bodyOf(request) as InitBody;
  const taskHistoryLimit = body.Spec?.Orchestration?.TaskHistoryRetentionLimit;
  const nodeId = members.init(daemon.machineId, {
    advertiseAddr: hostOf(body.AdvertiseAddr) ?? daemon.ip,
    ...(body.Availability && { availability: body.Availability }),
    ...(body.DefaultAddrPool && { defaultAddrPool: body.DefaultAddrPool }),
    ...(body.SubnetSize && { subnetSize: body.SubnetSize }),
    ...(taskHistoryLimit !== undefined && { taskHistoryLimit }),
    ...(body.ForceNewCluster && { forceNewCluster: true }),
  });
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(nodeId) };
}

interface JoinBody {
  AdvertiseAddr?: string;
  Availability?: Availability;
  RemoteAddrs?: string[];
  JoinToken?: string;
}

export function joinSwarm({ request, daemon, members }: Call): SimResponse {
  const { AdvertiseAddr, Availability, RemoteAddrs = [], JoinToken = '' } = bodyOf(request) as JoinBody;
  members.join(daemon.machineId, {
    remoteAddrs: RemoteAddrs,
    token: JoinToken,
    advertiseAddr: hostOf(AdvertiseAddr) ?? daemon.ip,
    ...(Availability && { availability: Availability }),
  });
  return OK;
}

const hostOf = (address: string | undefined): string | undefined => address?.replace(/:\d+$/, '') || undefined;

export function leaveSwarm({ request, daemon, members }: Call): SimResponse {
  members.leave(daemon.machineId, isTrue(request, 'force'));
  return OK;
}

export const inspectSwarm = ({ swarm }: ClusterCall): SimResponse => json(200, shown(swarm));

/** The body is the whole spec. Tokens that are rotated are dead for who joins next, and for nobody else. */
export function updateSwarm({ request, swarm, state }: ClusterCall): SimResponse {
  const given = bodyOf(request) as Partial<SwarmSpec>;
  const version = versionOf(request, 'swarm');
  if (given.Name && given.Name !== 'default') throw badRequest('swarm spec must be named "default"');
  const expiry = given.CAConfig?.NodeCertExpiry ?? 0;
  if (expiry !== 0 && expiry < MIN_EXPIRY_NS)
    throw rpcError('InvalidArgument', 'minimum certificate expiry time is: 1h0m0s');
  requireVersion(swarm, version);
  const { Worker, Manager } = swarm.JoinTokens;
  const fresh = (name: string, token: string): string =>
    isTrue(request, name) ? newJoinToken(swarm.TLSInfo.TrustRoot) : token;
  state.updateSwarm(swarm.ID, {
    Spec: { ...defaultSpec(), ...definedIn(given), Name: 'default', Labels: labelsOf(given.Labels) },
    JoinTokens: { Worker: fresh('rotateWorkerToken', Worker), Manager: fresh('rotateManagerToken', Manager) },
  });
  return OK;
}

/** What is absent or empty gets its default. */
const definedIn = (given: Partial<SwarmSpec>): Partial<SwarmSpec> =>
  Object.fromEntries(
    Object.entries(given).filter(([, part]) => typeof part === 'object' && part && Object.keys(part).length > 0),
  );
