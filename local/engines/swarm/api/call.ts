import type { SimRequest, SimResponse } from '../../../azure/http';
import { badRequest, DockerError, noLeader, notFound, unavailable } from '../docker-error';
import type { Members } from '../membership';
import type { Raft } from '../raft';
import type { DaemonRecord, Labels, Meta, SwarmRecord } from '../records';
import type { SwarmObjects, SwarmState } from '../state';

/** What the routes of every daemon's API work with. */
export interface ApiDependencies {
  state: SwarmState;
  raft: Raft;
  members: Members;
  /** Services, tasks or nodes are others now. */
  changed: (swarmId: string) => void;
}

/** A request to one daemon. */
export interface Call extends ApiDependencies {
  request: SimRequest;
  daemon: DaemonRecord;
  /** From the path: an id, a name, or the beginning of an id. */
  term: string;
}

/** The same, where the daemon is a manager of a swarm that has a leader. */
export interface ClusterCall extends Call {
  swarm: SwarmRecord;
  objects: SwarmObjects;
}

export type Route = (call: Call) => SimResponse;

/** moby `daemon/cluster/cluster.go`, `lockedManagerAction`: a manager that had a leader proxies, and says so when it has none. */
export function asManager(call: Call): ClusterCall {
  const { membership } = call.daemon;
  if (!membership || membership.state === 'error') {
    const isExpired = membership?.error === unavailable('certificatesExpired').message;
    throw unavailable(isExpired ? 'certificatesExpired' : 'notInSwarm');
  }
  const swarm = call.state.swarm(membership.swarmId);
  if (!swarm?.members.includes(membership.nodeId)) throw unavailable('worker');
  if (membership.state === 'pending') throw unavailable('managerStarting');
  if (!swarm.leader) throw noLeader();
  return { ...call, swarm, objects: call.state.objects(swarm.ID) };
}

export const inCluster =
  (run: (call: ClusterCall) => SimResponse): Route =>
  (call) =>
    run(asManager(call));

/** By whole id, then whole name, then beginning of the id (moby `daemon/cluster/helpers.go`). */
export function findOne<T extends Meta>(what: string, all: T[], term: string, nameOf: (object: T) => string): T {
  const exact = all.find(({ ID }) => ID === term);
  if (exact) return exact;
  const named = all.filter((object) => nameOf(object) === term);
  const found = named.length > 0 ? named : all.filter(({ ID }) => ID.startsWith(term));
  if (found.length > 1) throw badRequest(`${what} ${term} is ambiguous (${found.length} matches found)`);
  if (!found[0]) throw notFound(what, term);
  return found[0];
}

/** The JSON in the body; an object is needed. */
export function bodyOf({ body }: { body: string }): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw badRequest(`invalid JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw badRequest('invalid JSON: cannot unmarshal into Go value');
  return parsed as Record<string, unknown>;
}

/** The `version` of an update. */
export function versionOf({ url }: SimRequest, what: string): number {
  const text = url.searchParams.get('version') ?? '';
  if (!/^\d+$/.test(text))
    throw badRequest(`invalid ${what} version '${text}': strconv.ParseUint: parsing "${text}": invalid syntax`);
  return Number(text);
}

/** As Go's decoder: only texts, and none is an empty map. */
export function labelsOf(labels: unknown): Labels {
  if (labels === undefined || labels === null) return {};
  if (typeof labels !== 'object' || Object.values(labels).some((value) => typeof value !== 'string'))
    throw badRequest('invalid JSON: json: cannot unmarshal into Go struct field Labels of type string');
  return labels as Labels;
}

export const isTrue = ({ url }: SimRequest, name: string): boolean =>
  ['1', 'true', 'yes', 'on'].includes((url.searchParams.get(name) ?? '').toLowerCase());

/** `isValidName` of swarmkit `manager/controlapi/common.go`. */
const NAME = /^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/;

export function requireName(name: unknown, refuse: (what: string) => DockerError): string {
  if (typeof name !== 'string' || name === '') throw refuse('meta: name must be provided');
  if (!NAME.test(name)) throw refuse('name must be valid as a DNS name component');
  if (name.length > 63) throw refuse('name must be 63 characters or fewer');
  return name;
}
