import { createHash, createPublicKey, KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { bits, context, implicit, integer, nothing, octets, oid, sequence, set, text, utcTime, yes } from './pki-der';

/** A certificate with its key. */
export interface Identity {
  /** DER. */
  certificate: Buffer;
  /** DER of its subject, which is the issuer's name in what it signs. */
  name: Buffer;
  /** DER of issuer and serial number, by which a signed document names its signer. */
  id: Buffer;
  /** Private. */
  key: KeyObject;
}

export interface CertificateRequest {
  commonName: string;
  /** The private key that the certificate is for. */
  key: KeyObject;
  /** Makes it an authority; `pathLength` limits how many may stand below. */
  authority?: { pathLength?: number };
  /** SAN. */
  dnsNames?: string[];
  ips?: string[];
  /** For a client of TLS; otherwise for a server. */
  isClient?: boolean;
  /** Where its issuer's certificate may be had (AIA, CA Issuers). */
  issuerUrls?: string[];
  validFrom?: Date;
  validTo?: Date;
  /** Further extensions, in DER. */
  extensions?: Buffer[];
}

/** Far on both sides, since simulated time may run ahead; 2049 is the last year that every reader takes as meant. */
const VALID_FROM = new Date('2020-01-01T00:00:00Z');
const VALID_TO = new Date('2049-12-31T23:59:59Z');

const SHA256_WITH_RSA = sequence(oid('1.2.840.113549.1.1.11'), nothing);
const SHA256_WITH_ECDSA = sequence(oid('1.2.840.10045.4.3.2'));
const SERVER_AUTH = oid('1.3.6.1.5.5.7.3.1');
const CLIENT_AUTH = oid('1.3.6.1.5.5.7.3.2');
const DIGITAL_SIGNATURE = bits(Buffer.from([0x80]), 7);
const CERT_AND_CRL_SIGN = bits(Buffer.from([0x06]), 1);

/** A new certificate, signed by `issuer`, whose key is RSA or on P-256, or by itself when there is none. */
export function makeCertificate(request: CertificateRequest, issuer?: Pick<Identity, 'name' | 'key'>): Identity {
  const name = nameOf(request.commonName);
  const signer = issuer ?? { name, key: request.key };
  const algorithm = signer.key.asymmetricKeyType === 'ec' ? SHA256_WITH_ECDSA : SHA256_WITH_RSA;
  const serial = integer(serialNumber());
  const body = sequence(
    context(0, integer(2)), // version 3
    serial,
    algorithm,
    signer.name,
    sequence(utcTime(request.validFrom ?? VALID_FROM), utcTime(request.validTo ?? VALID_TO)),
    name,
    publicKeyOf(request.key),
    context(3, sequence(...extensionsOf(request, publicKeyOf(signer.key)))),
  );
  const certificate = sequence(body, algorithm, bits(sign('sha256', body, signer.key)));
  return { certificate, name, id: sequence(signer.name, serial), key: request.key };
}

export const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [yes] : []), octets(value));

export const toPem = (certificate: Buffer): string => new X509Certificate(certificate).toString();

function extensionsOf(request: CertificateRequest, issuerKey: Buffer): Buffer[] {
  const { authority, dnsNames = [], ips = [], issuerUrls = [], extensions = [] } = request;
  const pathLength = authority?.pathLength === undefined ? [] : [integer(authority.pathLength)];
  const names = [
    ...dnsNames.map((name) => implicit(2, Buffer.from(name, 'latin1'))),
    ...ips.map((ip) => implicit(7, bytesOf(ip))),
  ];
  const urls = issuerUrls.map((url) => sequence(oid('1.3.6.1.5.5.7.48.2'), implicit(6, Buffer.from(url, 'latin1'))));
  return [
    extension('2.5.29.19', authority ? sequence(yes, ...pathLength) : sequence(), true),
    extension('2.5.29.15', authority ? CERT_AND_CRL_SIGN : DIGITAL_SIGNATURE, true),
    extension('2.5.29.14', octets(keyIdentifier(publicKeyOf(request.key)))),
    extension('2.5.29.35', sequence(implicit(0, keyIdentifier(issuerKey)))),
    // Like Azure's, the certificates that sign attested documents are those of TLS servers.
    ...(authority ? [] : [extension('2.5.29.37', sequence(request.isClient ? CLIENT_AUTH : SERVER_AUTH))]),
    ...(names.length > 0 ? [extension('2.5.29.17', sequence(...names))] : []),
    ...(urls.length > 0 ? [extension('1.3.6.1.5.5.7.1.1', sequence(...urls))] : []),
    ...extensions,
  ];
}

const nameOf = (commonName: string): Buffer =>
  sequence(
    set(sequence(oid('2.5.4.10'), text('Starling local Azure'))),
    set(sequence(oid('2.5.4.3'), text(commonName))),
  );

/** 16 random bytes that are a positive number in shortest form. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  return serial;
}

const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

const keyIdentifier = (publicKey: Buffer): Buffer => createHash('sha1').update(publicKey).digest();

function bytesOf(ip: string): Buffer {
  if (!isIPv4(ip)) throw new RangeError(`${ip} is not an IPv4 address: the local Azure has no others`);
  return Buffer.from(ip.split('.').map(Number));
}
