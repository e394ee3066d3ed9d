import { createCertificateReader } from './certificate-reader';
import { createChainCheck } from './chain';
import { DerError } from './der';
import { AttestedDocument, nonceOf, readDocument } from './document';
import { createIssuers, FetchIssuer } from './issuers';
import { checkSignature, findSigner } from './signature';
import { readSignedData, SignedData } from './signed-data';
import { refuse, Refusal, Verdict } from './verdict';

export interface AttestationVerifierOptions {
  /** Roots, one certificate each. */
  anchorsPem: readonly string[];
  /** Milliseconds since the epoch. */
  now: () => number;
  fetchIssuer: FetchIssuer;
  /** The subscription whose virtual machines may prove themselves; letter case does not matter. */
  trustedSubscriptionId: string;
  /** How old a document may be. */
  maxAgeMs?: number;
}

export interface AttestationVerifier {
  /**
   * Decides whether Azure vouches that the sender of `claims` (the exact text) is the VM in the verdict. It says nothing about
   * that VM's belonging to a cluster. Never rejects, whatever the input. A repeat is harmless and, while the document is
   * fresh, gives the same verdict; only `ATTESTATION_CHAIN_UNAVAILABLE` is worth one.
   */
  verify(input: AttestationInput): Promise<Verdict>;
}

export interface AttestationInput {
  claims: string;
  /** Base64 of the PKCS#7 document, as IMDS gives it in `signature`. */
  attestation: string;
}

/** Azure's documents have 4.3 KB in base64; kOps allows the same. */
const MAX_ATTESTATION_CHARS = 16 * 1024;
/** A master's claims carry a CA and a credential, together about 4 KB. */
const MAX_CLAIMS_CHARS = 16 * 1024;
/** A node asks IMDS and posts within seconds; the rest is for retries. IMDS itself states up to 6 hours, too long to bound a replay. */
const MAX_AGE_MS = 5 * 60_000;
/** Azure's hosts and the app each keep time by NTP; the same allowance as kOps. */
const MAX_SKEW_MS = 2 * 60_000;
/** The public cloud's; sovereign clouds have others and would need other anchors, too. */
const SIGNER_NAME = /^([a-z0-9-]+\.)*metadata\.azure\.com$/i;

/** Throws when an anchor is not a certificate. Keeps fetched issuers (bounded; at most a day) and read signers (bounded) in memory. */
export function createAttestationVerifier(options: AttestationVerifierOptions): AttestationVerifier {
  const { now, maxAgeMs = MAX_AGE_MS } = options;
  const trustedSubscriptionId = options.trustedSubscriptionId.toLowerCase();
  const issuers = createIssuers(options.fetchIssuer, now);
  const readSigner = createCertificateReader();
  const checkChain = createChainCheck({ anchorsPem: options.anchorsPem, issuers, now });
  return {
    // The cheapest check first: nothing is fetched for a document that is wrong in itself.
    async verify({ claims, attestation }) {
      const read = readAttestation(claims, attestation);
      if (!read.ok) return read;
      const found = findSigner(read.data, readSigner);
      if (!found.ok) return found;
      const { document } = read;
      const { signer, certificate } = found;
      const refusal =
        checkSignature(read.data, signer, certificate) ??
        checkSignerName(certificate.dnsNames) ??
        checkNonce(document, claims) ??
        checkAge(document, now(), maxAgeMs) ??
        (await checkChain(certificate)) ??
        checkSubscription(document, trustedSubscriptionId);
      if (refusal) return refusal;
      return {
        ok: true,
        vmId: document.vmId,
        subscriptionId: document.subscriptionId,
        createdAt: new Date(document.createdMs),
      };
    },
  };
}

type ReadAttestation = { ok: true; data: SignedData; document: AttestedDocument } | Refusal;

function readAttestation(claims: unknown, attestation: unknown): ReadAttestation {
  if (typeof claims !== 'string' || typeof attestation !== 'string')
    return malformed('claims and attestation are not both text');
  if (attestation.length > MAX_ATTESTATION_CHARS) return refuse('ATTESTATION_TOO_LARGE', 'the document is too large');
  if (claims.length > MAX_CLAIMS_CHARS) return refuse('ATTESTATION_TOO_LARGE', 'the claims are too large');
  // Half a surrogate pair becomes U+FFFD in UTF-8: different claims would share a nonce.
  if (Buffer.from(claims, 'utf8').toString('utf8') !== claims) return malformed('the claims are not Unicode text');
  const bytes = Buffer.from(attestation, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== attestation) return malformed('the document is not base64');
  try {
    const data = readSignedData(bytes);
    const document = readDocument(data.content);
    return document ? { ok: true, data, document } : malformed('the content is not an attested document');
  } catch (error) {
    if (error instanceof DerError) return malformed(error.message);
    throw error;
  }
}

const malformed = (reason: string): Refusal => refuse('ATTESTATION_MALFORMED', reason);

function checkSignerName(dnsNames: string[]): Refusal | null {
  if (dnsNames.some((name) => SIGNER_NAME.test(name))) return null;
  return refuse(
    'ATTESTATION_SIGNER_NAME',
    `the signer is called ${JSON.stringify(dnsNames.slice(0, 3)).slice(0, 200)}`,
  );
}

function checkNonce({ nonce }: AttestedDocument, claims: string): Refusal | null {
  return nonce === nonceOf(claims) ? null : refuse('ATTESTATION_NONCE', 'the document was made for other claims');
}

function checkAge({ createdMs, expiresMs }: AttestedDocument, now: number, maxAgeMs: number): Refusal | null {
  if (Number.isNaN(createdMs) || Number.isNaN(expiresMs)) return expired('the times in the document cannot be read');
  const ageMs = now - createdMs;
  if (ageMs > maxAgeMs) return expired(`the document is ${Math.round(ageMs / 1000)} s old`);
  if (ageMs < -MAX_SKEW_MS) return expired(`the document is from ${Math.round(-ageMs / 1000)} s in the future`);
  return now > expiresMs + MAX_SKEW_MS ? expired('Azure says that the document is over') : null;
}

const expired = (reason: string): Refusal => refuse('ATTESTATION_EXPIRED', reason);

function checkSubscription({ subscriptionId }: AttestedDocument, trusted: string): Refusal | null {
  if (subscriptionId === trusted) return null;
  return refuse('ATTESTATION_SUBSCRIPTION', `the virtual machine is in subscription ${subscriptionId}`);
}
