import { X509Certificate } from 'node:crypto';
import { DerError, DerValue, expectTag, readChildren, readDer, readOid, readSmallInteger, TAG } from './der';

/**
 * A certificate with what this verifier needs of it. Signature and name matching are OpenSSL's; the extensions are read from
 * the DER, because Node gives them as text (in which a name may forge a second one) or, the path length, not at all.
 */
export interface Certificate {
  x509: X509Certificate;
  /** DER of the issuer's name and the serial number's bytes: what a signer is called by. */
  issuer: Buffer;
  serial: Buffer;
  /** Issuer and subject are the same: does not count against a path length. */
  selfIssued: boolean;
  validFromMs: number;
  validToMs: number;
  /** How many CA certificates may stand below this one; -1 when it is no CA. */
  pathLength: number;
  /** DNS names of the SAN. The common name plays no part. */
  dnsNames: string[];
  /** Where the issuer's certificate may be had (AIA, CA Issuers), in the order stated. */
  issuerUrls: string[];
  /** Extensions that must be understood and are not. */
  unknownCritical: string[];
}

const EXTENSION = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  certificatePolicies: '2.5.29.32',
  extendedKeyUsage: '2.5.29.37',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
} as const;
const OID_CA_ISSUERS = '1.3.6.1.5.5.7.48.2';
const TAG_DNS_NAME = 0x82; // GeneralName [2]
const TAG_URL = 0x86; // GeneralName [6]

/** Throws when the bytes are not a certificate. PEM is accepted too: fetched issuers may come as either. */
export function readCertificate(bytes: Buffer | string): Certificate {
  const x509 = new X509Certificate(bytes);
  const fields = readChildren(expectTag(readChildren(readDer(x509.raw, TAG.sequence))[0], TAG.sequence));
  if (fields[0]?.tag === TAG.context0) fields.shift(); // the version
  const [serial, , issuer, , subject] = fields;
  const extensions = readExtensions(fields.find(({ tag }) => tag === TAG.context3));
  const issuerName = expectTag(issuer, TAG.sequence).raw;
  return {
    x509,
    issuer: issuerName,
    serial: expectTag(serial, TAG.integer).content,
    selfIssued: issuerName.equals(expectTag(subject, TAG.sequence).raw),
    validFromMs: Date.parse(x509.validFrom),
    validToMs: Date.parse(x509.validTo),
    pathLength: x509.ca ? readPathLength(extensions.get(EXTENSION.basicConstraints)) : -1,
    dnsNames: readNames(extensions.get(EXTENSION.subjectAltName), TAG_DNS_NAME),
    issuerUrls: readIssuerUrls(extensions.get(EXTENSION.authorityInfoAccess)),
    unknownCritical: [...extensions].filter(([oid, { critical }]) => critical && !known.has(oid)).map(([oid]) => oid),
  };
}

interface Extension {
  critical: boolean;
  value: Buffer;
}

const known = new Set<string>(Object.values(EXTENSION));

function readExtensions(wrapper: DerValue | undefined): Map<string, Extension> {
  const extensions = new Map<string, Extension>();
  if (!wrapper) return extensions;
  for (const item of readChildren(readDer(wrapper.content, TAG.sequence))) {
    const parts = readChildren(expectTag(item, TAG.sequence));
    const oid = readOid(parts[0]);
    if (extensions.has(oid)) throw new DerError(`extension ${oid} stands twice`);
    const critical = parts[1]?.tag === TAG.boolean && parts[1].content[0] !== 0;
    extensions.set(oid, { critical, value: expectTag(parts.at(-1), TAG.octetString).content });
  }
  return extensions;
}

function readPathLength(extension: Extension | undefined): number {
  if (!extension) return -1;
  const limit = readChildren(readDer(extension.value, TAG.sequence)).find(({ tag }) => tag === TAG.integer);
  return limit ? readSmallInteger(limit) : Infinity;
}

function readNames(extension: Extension | undefined, tag: number): string[] {
  if (!extension) return [];
  const names = readChildren(readDer(extension.value, TAG.sequence));
  return names.filter((name) => name.tag === tag).map((name) => name.content.toString('latin1'));
}

function readIssuerUrls(extension: Extension | undefined): string[] {
  if (!extension) return [];
  return readChildren(readDer(extension.value, TAG.sequence))
    .map((description) => readChildren(expectTag(description, TAG.sequence)))
    .filter(([method, location]) => readOid(method) === OID_CA_ISSUERS && location?.tag === TAG_URL)
    .map(([, location]) => location!.content.toString('latin1'));
}
