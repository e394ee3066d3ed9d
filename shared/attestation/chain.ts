import { Certificate, readCertificate } from './certificate';
import { Issuers } from './issuers';
import { refuse, Refusal } from './verdict';

/** Null when the certificate's chain ends in an anchor. Never rejects. */
export type CheckChain = (leaf: Certificate) => Promise<Refusal | null>;

export interface ChainOptions {
  anchorsPem: readonly string[];
  issuers: Issuers;
  now: () => number;
}

/** Azure's longest chain today has two fetched certificates (issuing CA, cross-signed root); the limit leaves room for two more. */
const MAX_HOPS = 4;
/** Azure's certificates name their issuer at two hosts. */
const MAX_URLS = 2;

/** Throws when an anchor is not a certificate: that is a fault of the configuration. */
export function createChainCheck({ anchorsPem, issuers, now }: ChainOptions): CheckChain {
  const anchors = anchorsPem.map(readCertificate);

  const findIssuer = async (child: Certificate, casBelow: number): Promise<Step> => {
    const problems: string[] = [];
    let unavailable = false;
    for (const url of child.issuerUrls.slice(0, MAX_URLS)) {
      const answer = await issuers.find(url, child);
      const problem =
        'problem' in answer ? answer.reason : whyNotIssuer(answer.certificate, child, { casBelow, now: now() });
      if (!problem && 'certificate' in answer) return { url, certificate: answer.certificate };
      problems.push(problem ?? '');
      unavailable ||= 'problem' in answer && answer.problem === 'unavailable';
    }
    const reason = problems.join('; ') || `no anchor issued “${nameOf(child)}”, and it does not say who did`;
    return refuse(unavailable ? 'ATTESTATION_CHAIN_UNAVAILABLE' : 'ATTESTATION_UNTRUSTED', reason);
  };

  return async (leaf) => {
    if (!isCurrent(leaf, now())) return refuse('ATTESTATION_UNTRUSTED', `“${nameOf(leaf)}” is outside its dates`);
    if (leaf.unknownCritical.length > 0) return refuse('ATTESTATION_UNTRUSTED', notUnderstood(leaf));
    const path: Found[] = [];
    for (let child = leaf, casBelow = 0; ;) {
      const place = { casBelow, now: now() };
      if (anchors.some((anchor) => child.x509.checkIssued(anchor.x509) && !whyNotIssuer(anchor, child, place))) break;
      if (path.length === MAX_HOPS) return refuse('ATTESTATION_UNTRUSTED', `no anchor within ${MAX_HOPS} certificates`);
      const step = await findIssuer(child, casBelow);
      if ('ok' in step) return step;
      path.push(step);
      child = step.certificate;
      if (!child.selfIssued) casBelow += 1;
    }
    for (const { url, certificate } of path) issuers.confirm(url, certificate);
    return null;
  };
}

interface Found {
  url: string;
  certificate: Certificate;
}

type Step = Found | Refusal;

/** Null when `issuer` may have issued `child`, and did. */
function whyNotIssuer(
  issuer: Certificate,
  child: Certificate,
  place: { casBelow: number; now: number },
): string | null {
  const name = nameOf(issuer);
  if (issuer.pathLength < 0) return `“${name}” is not a certificate authority`;
  if (issuer.pathLength < place.casBelow) return `“${name}” may not have so many authorities below it`;
  if (!isCurrent(issuer, place.now)) return `“${name}” is outside its dates`;
  if (issuer.unknownCritical.length > 0) return notUnderstood(issuer);
  return isSignedBy(child, issuer) ? null : `“${name}” did not sign “${nameOf(child)}”`;
}

/** OpenSSL throws, rather than answering no, on a key of a kind that it does not know. */
function isSignedBy(child: Certificate, issuer: Certificate): boolean {
  try {
    return child.x509.checkIssued(issuer.x509) && child.x509.verify(issuer.x509.publicKey);
  } catch {
    return false;
  }
}

/** Written so that dates which could not be read (NaN) are never current. */
const isCurrent = ({ validFromMs, validToMs }: Certificate, now: number): boolean =>
  validFromMs <= now && now <= validToMs;

const notUnderstood = (certificate: Certificate): string =>
  `“${nameOf(certificate)}” demands extensions that are not understood: ${certificate.unknownCritical.join(', ')}`;

/** Shortened and without line ends: names come from strangers and end up in logs. */
const nameOf = ({ x509 }: Certificate): string =>
  (x509.subject ?? 'no name').replace(/[^\x20-\x7e]+/g, ', ').slice(0, 120);
