/** Why an attestation was refused, in the order in which the checks run. All of them are in the catalogue of errors. */
export type AttestationCode =
  | 'ATTESTATION_TOO_LARGE'
  | 'ATTESTATION_MALFORMED'
  | 'ATTESTATION_SIGNERS'
  | 'ATTESTATION_SIGNATURE'
  | 'ATTESTATION_SIGNER_NAME'
  | 'ATTESTATION_NONCE'
  | 'ATTESTATION_EXPIRED'
  | 'ATTESTATION_UNTRUSTED'
  | 'ATTESTATION_SUBSCRIPTION'
  /** An intermediate could not be fetched: nothing is proven either way, and a repeat may succeed. */
  | 'ATTESTATION_CHAIN_UNAVAILABLE';

export interface Refusal {
  ok: false;
  code: AttestationCode;
  /** For the log and the event row; never for the caller, who could learn from it which check to attack next. */
  reason: string;
}

/** `vmId` and `subscriptionId` are in lower case. */
export type Verdict = { ok: true; vmId: string; subscriptionId: string; createdAt: Date } | Refusal;

export const refuse = (code: AttestationCode, reason: string): Refusal => ({ ok: false, code, reason });
