/**
 * The one catalogue of codes that leave Starling: in problem documents, operations, events. `docs/errors.md` explains each
 * to a user; a test compares the two both ways.
 */
export const ERRORS = {
  // caller: the request cannot be accepted
  NOT_SIGNED_IN: { status: 401, title: 'Nobody who is known sent the request' },
  ROLE_MISSING: { status: 403, title: 'Who signed in is not an operator' },
  BODY_NOT_JSON: { status: 400, title: 'The body is not JSON' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  INVALID_REQUEST: { status: 400, title: 'Some fields are not valid' },
  IMMUTABLE_FIELD: { status: 400, title: 'A field that cannot change was changed' },
  UNSUPPORTED_ENGINE: { status: 409, title: 'The engine of this cluster has nothing of the kind' },
  CLUSTER_NOT_FOUND: { status: 404, title: 'There is no such cluster' },
  OPERATION_NOT_FOUND: { status: 404, title: 'There is no such operation' },
  NODE_NOT_FOUND: { status: 404, title: 'There is no such node' },
  WORKLOAD_NOT_FOUND: { status: 404, title: 'There is no such workload' },
  NO_DEPLOYMENT: { status: 404, title: 'Nothing has been deployed yet' },
  OPERATION_IN_PROGRESS: { status: 409, title: 'Another operation is running on this cluster' },
  CLUSTER_STOPPED: { status: 409, title: 'The cluster is stopped' },
  CLUSTER_NOT_READY: { status: 503, title: 'The cluster cannot take this request yet' },
  // node routes: the proof of identity was refused
  ATTESTATION_TOO_LARGE: { status: 413, title: 'The attested document is too large' },
  ATTESTATION_MALFORMED: { status: 400, title: 'The attested document cannot be read' },
  ATTESTATION_SIGNERS: { status: 401, title: 'The attested document has not exactly one signer' },
  ATTESTATION_SIGNATURE: { status: 401, title: 'The signature of the attested document is wrong' },
  ATTESTATION_SIGNER_NAME: { status: 401, title: 'The signer is not the Azure metadata service' },
  ATTESTATION_NONCE: { status: 401, title: 'The attested document was made for other claims' },
  ATTESTATION_EXPIRED: { status: 401, title: 'The attested document is too old or not yet valid' },
  ATTESTATION_UNTRUSTED: { status: 401, title: 'The signer is not trusted' },
  ATTESTATION_SUBSCRIPTION: { status: 403, title: 'The virtual machine is in another subscription' },
  ATTESTATION_CHAIN_UNAVAILABLE: { status: 503, title: 'The signer could not be checked now' },
  CLAIMS_MALFORMED: { status: 400, title: 'The claims cannot be read' },
  CLAIMS_MISMATCH: { status: 403, title: 'The claims do not belong to this cluster' },
  UNKNOWN_INSTANCE: { status: 403, title: 'The virtual machine is not part of this cluster' },
  NOT_A_MASTER: { status: 403, title: 'Only a master may do this' },
  ALREADY_JOINED: { status: 409, title: 'This virtual machine has joined already' },
  NODE_LEAVING: { status: 409, title: 'This virtual machine is on its way out' },
  // outcomes of operations
  QUOTA_EXCEEDED: { status: 409, title: 'The subscription has no quota left for this' },
  CAPACITY_UNAVAILABLE: { status: 409, title: 'Azure has no capacity for this size here now' },
  NAME_TAKEN: { status: 409, title: 'The name is taken by something that Starling did not make' },
  DEPLOYMENT_FAILED: { status: 409, title: 'Azure could not deploy the cluster' },
  DEADLINE_EXCEEDED: { status: 409, title: 'It took longer than allowed' },
  NEVER_JOINED: { status: 409, title: 'A virtual machine started but never joined the cluster' },
  SCALE_SET_CONFLICT: { status: 409, title: 'The scale set is being changed by somebody else' },
  QUORUM_AT_RISK: { status: 409, title: 'Too few masters are well for this' },
  SNAPSHOT_FAILED: { status: 409, title: 'The state of the engine could not be saved first' },
  COMMAND_FAILED: { status: 409, title: 'A command on a machine failed' },
  WORKLOAD_REFUSED: { status: 409, title: 'The engine refused the workload' },
  CHAOS_DEVIATED: { status: 409, title: 'The cluster did not recover from what chaos did' },
  ENGINE_UNREACHABLE: { status: 503, title: 'The engine of the cluster does not answer' },
  LEFTOVERS: { status: 409, title: 'Something of the cluster could not be deleted' },
  CANCELLED: { status: 409, title: 'The operation was cancelled' },
  // the world
  AZURE_UNAVAILABLE: { status: 503, title: 'Azure does not answer now' },
  AZURE_DENIED: { status: 500, title: 'Azure refused what Starling asked' },
  INTERNAL: { status: 500, title: 'Something went wrong in Starling' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

export interface AppErrorOptions {
  cause?: unknown;
  /** When a repeat makes sense, in milliseconds from now. */
  retryAfterMs?: number;
  /** Plain JSON for the caller; never a secret. */
  detail?: unknown;
}

/** The only error that Starling throws on purpose; adapters translate every SDK error into it. */
export class AppError extends Error {
  readonly retryAfterMs?: number;
  readonly detail?: unknown;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: AppErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'AppError';
    this.retryAfterMs = options.retryAfterMs;
    this.detail = options.detail;
  }
}

/** An expected answer of the world that says no. Activities return it; workflows branch on it. */
export interface Refusal {
  ok: false;
  code: ErrorCode;
  message: string;
}

export type Outcome<T> = ({ ok: true } & T) | Refusal;

export const refuse = (code: ErrorCode, message: string): Refusal => ({ ok: false, code, message });
