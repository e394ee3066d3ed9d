import { generateKeyPairSync, KeyObject, sign } from 'node:crypto';
import { virtualClock } from '../../local/clock';
import { createLocalPki, DocumentRequest, LocalPki } from '../../local/azure/pki';
import { CertificateRequest, Identity, makeCertificate, toPem } from '../../local/azure/pki-certificate';
import { context, integer, nothing, octets, oid, sequence, set } from '../../local/azure/pki-der';
import { documentJson } from '../../local/azure/pki-document';
import { memoryStore } from '../../local/store';
import { nonceOf } from '../../shared/attestation/document';
import { FetchIssuer } from '../../shared/attestation/issuers';
import { AttestationVerifierOptions, createAttestationVerifier } from '../../shared/attestation/verifier';

export const NOW = Date.parse('2026-11-22T12:00:00Z');
export const CLAIMS = '{"cluster":"demo","hostname":"agent-3","instanceId":"3","bootId":"8f6c2a54"}';
export const VM_ID = '0a1b2c3d-4e5f-4a6b-8c7d-9e8f7a6b5c4d';
export const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';

/** What an honest VM's document says when it was made for `claims`, just now. */
export const requestFor = (claims = CLAIMS): DocumentRequest & { createdOn: number } => ({
  vmId: VM_ID,
  subscriptionId: SUBSCRIPTION,
  nonce: nonceOf(claims),
  createdOn: NOW,
});

/** The signed JSON of such a document, for tests that wrap it in a document of their own. */
export const jsonFor = (claims = CLAIMS): Buffer => documentJson({ ...requestFor(claims), expiresOn: NOW + 3_600_000 });

export const localPki = (): LocalPki => createLocalPki(memoryStore(), virtualClock(NOW));

/** Serves certificates by URL as Microsoft's PKI does, and counts who asked for what. */
export function certificateHost(files: Record<string, Uint8Array>): { fetchIssuer: FetchIssuer; asked: string[] } {
  const asked: string[] = [];
  const fetchIssuer: FetchIssuer = async (url) => {
    asked.push(url.href);
    const file = files[url.href];
    if (!file) throw new Error('connect ECONNREFUSED');
    return file;
  };
  return { fetchIssuer, asked };
}

export const issuerUrlOf = (pki: LocalPki): string => `http://${pki.issuerHost}${pki.issuerPath}`;

export function verifierFor(pki: LocalPki, options: Partial<AttestationVerifierOptions> = {}) {
  const host = certificateHost({ [issuerUrlOf(pki)]: pki.issuerDer });
  const verifier = createAttestationVerifier({
    anchorsPem: [pki.rootPem],
    now: () => NOW,
    fetchIssuer: host.fetchIssuer,
    trustedSubscriptionId: SUBSCRIPTION,
    ...options,
  });
  return { ...verifier, asked: host.asked };
}

const pool: KeyObject[] = [];

/** An RSA key. Making one costs a tenth of a second, so tests that need several share a few by number. */
export function rsaKey(n: number): KeyObject {
  return (pool[n] ??= generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
}

export interface ChainLink extends Partial<CertificateRequest> {
  /** Where the certificate is published, that is, what the next one names. */
  url?: string;
}

export interface BuiltChain {
  anchorPem: string;
  leaf: Identity;
  /** All certificates between anchor and leaf, by URL. */
  files: Record<string, Uint8Array>;
}

/** Makes a chain from the anchor (first) to the leaf (last); each names the URL of the one before it, unless it says otherwise. */
export function buildChain(links: ChainLink[]): BuiltChain {
  const files: Record<string, Uint8Array> = {};
  let above: { identity: Identity; url?: string } | undefined;
  const identities = links.map(({ url, ...link }, n) => {
    const isLeaf = n === links.length - 1;
    const kind = isLeaf ? { dnsNames: ['metadata.azure.com'] } : { authority: {} };
    const issuerUrls = above?.url ? [above.url] : [];
    const request = { commonName: `Link ${n}`, key: rsaKey(n), issuerUrls, ...kind, ...link };
    const identity = makeCertificate(request, above?.identity);
    if (url) files[url] = identity.certificate;
    above = { identity, url };
    return identity;
  });
  return { anchorPem: toPem(identities[0]!.certificate), leaf: identities.at(-1)!, files };
}

const SHA256_WITH_RSA = '1.2.840.113549.1.1.11';

export interface DocumentChanges {
  json?: Buffer;
  /** What is signed, where it is not the JSON. */
  signed?: Buffer;
  /** DER of the attributes inside the `[0]` of the signer. */
  signedAttributes?: Buffer[];
  digestOid?: string;
  signatureOid?: string;
  hash?: string;
  contentOid?: string;
  signerId?: Buffer;
  certificates?: Buffer[];
  signers?: (signer: Buffer) => Buffer[];
  /** Put after the last part of the signer, of the signed data, and of the whole. */
  afterSigner?: Buffer[];
  afterSigners?: Buffer[];
  afterContent?: Buffer[];
}

/** A PKCS#7 document written part by part, so that a test can change any of them. Unchanged it is in Azure's form. */
export function buildDocument(leaf: Identity, changes: DocumentChanges = {}): string {
  const { json = jsonFor(), digestOid = SHA256_WITH_RSA, signatureOid = '1.2.840.113549.1.1.1' } = changes;
  const { signedAttributes, hash = 'sha256', signers = (signer) => [signer] } = changes;
  const signed = changes.signed ?? (signedAttributes ? set(...signedAttributes) : json);
  const signer = sequence(
    integer(1),
    changes.signerId ?? leaf.id,
    sequence(oid(digestOid), nothing),
    ...(signedAttributes ? [context(0, ...signedAttributes)] : []),
    sequence(oid(signatureOid), nothing),
    octets(sign(hash, signed, leaf.key)),
    ...(changes.afterSigner ?? []),
  );
  const data = sequence(
    integer(1),
    set(sequence(oid(digestOid), nothing)),
    sequence(
      oid(changes.contentOid ?? '1.2.840.113549.1.7.1'),
      context(0, octets(json)),
      ...(changes.afterContent ?? []),
    ),
    context(0, ...(changes.certificates ?? [leaf.certificate])),
    set(...signers(signer)),
    ...(changes.afterSigners ?? []),
  );
  return sequence(oid('1.2.840.113549.1.7.2'), context(0, data)).toString('base64');
}
