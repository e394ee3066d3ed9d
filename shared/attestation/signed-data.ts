import { createHash } from 'node:crypto';
import { DerError, DerValue, expectTag, readChildren, readDer, readOid, readSmallInteger, TAG } from './der';

/**
 * The parts of a PKCS#7 `SignedData` that matter here. Azure's, measured on documents of 2023 to 2026:
 *
 * ```
 * ContentInfo { signedData, [0] { version 1, { sha256WithRSAEncryption }, { data, [0] OCTET STRING json },
 *   [0] { leaf certificate }, { { 1, { issuer, serial }, sha256WithRSAEncryption, rsaEncryption, OCTET STRING } } } }
 * ```
 *
 * Both digest algorithms name a *signature* algorithm, which libraries refuse; there are no signed attributes, so that the
 * signature covers the JSON itself.
 */
export interface SignedData {
  content: Buffer;
  /** DER of each, in no order that means anything: the signer is chosen by issuer and serial number. */
  certificates: Buffer[];
  signers: SignerInfo[];
}

export interface SignerInfo {
  /** DER of the issuer's name, and the serial number's bytes; null where the signer is named in another way. */
  certificate: { issuer: Buffer; serial: Buffer } | null;
  digestOid: string;
  signatureOid: string;
  /** DER with the tag `[0]` that they carry in the document. */
  signedAttributes: Buffer | null;
  signature: Buffer;
}

const OID_DATA = '1.2.840.113549.1.7.1';
const OID_SIGNED_DATA = '1.2.840.113549.1.7.2';
const OID_CONTENT_TYPE = '1.2.840.113549.1.9.3';
const OID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4';

/** Throws `DerError` when the bytes are anything else than one whole `SignedData` around plain data. */
export function readSignedData(bytes: Buffer): SignedData {
  const [type, wrapper, ...more] = readChildren(readDer(bytes, TAG.sequence));
  if (readOid(type) !== OID_SIGNED_DATA || more.length > 0) throw new DerError('not a PKCS#7 signed document');
  const parts = readChildren(readDer(expectTag(wrapper, TAG.context0).content, TAG.sequence));
  expectVersion1(parts[0]);
  const digests = readChildren(expectTag(parts[1], TAG.set)).map(readAlgorithm);
  const content = readContent(expectTag(parts[2], TAG.sequence));
  const rest = parts.slice(3);
  const certificates = rest[0]?.tag === TAG.context0 ? readChildren(rest.shift()!) : [];
  if (rest[0]?.tag === TAG.context1) rest.shift(); // revocation lists, which nobody signs for us
  const [signerSet, ...trailing] = rest;
  if (trailing.length > 0) throw new DerError('unknown parts after the signers');
  const signers = readChildren(expectTag(signerSet, TAG.set)).map(readSigner);
  const announced = digests.length === 1 && signers.every(({ digestOid }) => digestOid === digests[0]);
  if (!announced) throw new DerError('the digest algorithms are not those of the signers');
  return {
    content,
    certificates: certificates.map((certificate) => expectTag(certificate, TAG.sequence).raw),
    signers,
  };
}

function readContent(info: DerValue): Buffer {
  const [type, wrapper, ...more] = readChildren(info);
  if (readOid(type) !== OID_DATA || more.length > 0) throw new DerError('the content is not plain data');
  return readDer(expectTag(wrapper, TAG.context0).content, TAG.octetString).content;
}

function readSigner(signer: DerValue): SignerInfo {
  const parts = readChildren(expectTag(signer, TAG.sequence));
  const certificate = readCertificateName(parts[1]);
  if (certificate) expectVersion1(parts[0]);
  const digestOid = readAlgorithm(parts[2]);
  const rest = parts.slice(3);
  const signedAttributes = rest[0]?.tag === TAG.context0 ? rest.shift()!.raw : null;
  const signatureOid = readAlgorithm(rest.shift());
  const signature = expectTag(rest.shift(), TAG.octetString).content;
  if (rest[0]?.tag === TAG.context1) rest.shift(); // unsigned attributes prove nothing
  if (rest.length > 0) throw new DerError('unknown parts in a signer');
  return { certificate, digestOid, signatureOid, signedAttributes, signature };
}

function readCertificateName(value: DerValue | undefined): SignerInfo['certificate'] {
  if (value?.tag !== TAG.sequence) return null;
  const [issuer, serial, ...more] = readChildren(value);
  if (more.length > 0) throw new DerError('unknown parts in a signer');
  return { issuer: expectTag(issuer, TAG.sequence).raw, serial: expectTag(serial, TAG.integer).content };
}

/** The algorithms in use here have no parameters, which is written as NULL or not at all. */
function readAlgorithm(value: DerValue | undefined): string {
  const [oid, parameters, ...more] = readChildren(expectTag(value, TAG.sequence));
  const none = !parameters || (parameters.tag === TAG.nothing && parameters.content.length === 0);
  if (!none || more.length > 0) throw new DerError('an algorithm has parameters');
  return readOid(oid);
}

/** Nobody signs the version, the list of algorithms or their parameters: where nothing else is expected, nothing can be hidden. */
function expectVersion1(value: DerValue | undefined): void {
  if (readSmallInteger(value) !== 1) throw new DerError('a version is not 1');
}

/**
 * The bytes that a signer signed: the content itself or, when there are signed attributes, those, under the tag of a SET
 * (RFC 5652 §5.4), provided that they vouch for the content. Null when they do not. Throws `DerError`.
 */
export function signedBytes(content: Buffer, signer: SignerInfo, digest: string): Buffer | null {
  if (!signer.signedAttributes) return content;
  const attributes = Buffer.from(signer.signedAttributes);
  attributes[0] = TAG.set;
  const set = readDer(attributes, TAG.set);
  const type = readOid(onlyAttribute(set, OID_CONTENT_TYPE));
  const stated = expectTag(onlyAttribute(set, OID_MESSAGE_DIGEST), TAG.octetString).content;
  return type === OID_DATA && stated.equals(createHash(digest).update(content).digest()) ? attributes : null;
}

function onlyAttribute(set: DerValue, oid: string): DerValue {
  const found = readChildren(set)
    .map((attribute) => readChildren(expectTag(attribute, TAG.sequence)))
    .filter(([type]) => readOid(type) === oid);
  const [values, ...others] = found.map((attribute) => readChildren(expectTag(attribute[1], TAG.set)));
  if (!values || others.length > 0 || values.length !== 1)
    throw new DerError(`attribute ${oid} does not stand exactly once`);
  return values[0]!;
}
