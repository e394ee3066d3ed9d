import type { SimResponse } from '../../azure/http';

/** A refusal of the daemon: `{"message": …}` with a status. */
export class DockerError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What dockerd makes of the codes of swarmkit's gRPC (moby `daemon/server/httpstatus/status.go`). */
const STATUS_OF = {
  InvalidArgument: 400,
  FailedPrecondition: 400,
  NotFound: 404,
  AlreadyExists: 409,
  PermissionDenied: 403,
  Unimplemented: 501,
  Unknown: 500,
};

/** A refusal by swarmkit, in the words in which dockerd passes it on. */
export const rpcError = (code: keyof typeof STATUS_OF, what: string): DockerError =>
  new DockerError(STATUS_OF[code], `rpc error: code = ${code} desc = ${what}`);

export const badRequest = (message: string): DockerError => new DockerError(400, message);

export const notFound = (what: string, term: string): DockerError => new DockerError(404, `${what} ${term} not found`);

/** `store.ErrSequenceConflict` of swarmkit has no gRPC code, hence 500. */
export const outOfSequence = (): DockerError => rpcError('Unknown', 'update out of sequence');

/** `lostQuorumMessage` in swarmkit `manager/state/raft/raft.go`; it has no gRPC code, hence 500 and not 503. */
export const noLeader = (): DockerError =>
  rpcError(
    'Unknown',
    "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
  );

/** moby `daemon/cluster/errors.go` and `cluster.go`, `errNoManager`. */
const UNAVAILABLE = {
  noSwarm: 'This node is not part of a swarm',
  alreadyPart:
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.',
  joinTimeout:
    'Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the "docker info" command to see the current swarm status of your node.',
  certificatesExpired: 'Swarm certificates have expired. To replace them, leave the swarm and join again.',
  notInSwarm:
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  managerStarting:
    'This node is not a swarm manager. Manager is being prepared or has trouble connecting to the cluster.',
  worker:
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.",
};

export const unavailable = (why: keyof typeof UNAVAILABLE): DockerError => new DockerError(503, UNAVAILABLE[why]);

export const json = (status: number, body: object): SimResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body,
});

export const errorResponse = ({ status, message }: DockerError): SimResponse => json(status, { message });
