import { KeyObject, verify } from 'node:crypto';
import { Certificate } from './certificate';
import type { CertificateReader } from './certificate-reader';
import { DerError } from './der';
import { SignedData, SignerInfo, signedBytes } from './signed-data';
import { refuse, Refusal } from './verdict';

/** Azure writes the signature algorithm where the digest belongs; others write the digest itself. */
const DIGESTS: Record<string, string> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const OID_RSA = '1.2.840.113549.1.1.1';

/** Azure's keys have 2048 bits. The key is a stranger's until the chain is checked, and odd ones cost time to use. */
const RSA_BITS = { least: 2048, most: 4096 };
const MAX_RSA_EXPONENT = 0xffffffffn;

/** The document's one signer and that signer's certificate, which all later checks are about (never just the first one). */
export function findSigner(
  data: SignedData,
  read: CertificateReader,
): { ok: true; signer: SignerInfo; certificate: Certificate } | Refusal {
  const [signer, ...others] = data.signers;
  if (!signer || others.length > 0) return refuse('ATTESTATION_SIGNERS', `${data.signers.length} signers, not one`);
  const named = data.certificates
    .map((der) => readOrNull(der, read))
    .filter((certificate) => certificate !== null && isNamed(certificate, signer));
  const [certificate] = named;
  if (!certificate || named.length > 1)
    return refuse('ATTESTATION_SIGNERS', `${named.length} certificates of the signer, not one`);
  return { ok: true, signer, certificate };
}

/** Null when the signer's key signed this content. */
export function checkSignature(data: SignedData, signer: SignerInfo, certificate: Certificate): Refusal | null {
  const digest = DIGESTS[signer.digestOid];
  const agreed = signer.signatureOid === OID_RSA || DIGESTS[signer.signatureOid] === digest;
  if (!digest || !agreed) return refuse('ATTESTATION_SIGNATURE', 'the algorithms of the signature are not supported');
  const reason = whyNotSigned({ data, signer, digest }, certificate);
  return reason === null ? null : refuse('ATTESTATION_SIGNATURE', reason);
}

interface Claim {
  data: SignedData;
  signer: SignerInfo;
  digest: string;
}

function whyNotSigned({ data, signer, digest }: Claim, certificate: Certificate): string | null {
  try {
    const bytes = signedBytes(data.content, signer, digest);
    if (!bytes) return 'the signed attributes are about another content';
    const key = certificate.x509.publicKey;
    if (!isUsualRsa(key)) return "the signer's key is not an RSA key of the usual size";
    return verify(digest, bytes, key, signer.signature) ? null : 'the signature does not match';
  } catch (error) {
    // OpenSSL throws on keys that it cannot decode.
    return error instanceof DerError ? error.message : 'the signature cannot be checked';
  }
}

function isUsualRsa(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  const usualSize = modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most;
  return key.asymmetricKeyType === 'rsa' && usualSize && publicExponent <= MAX_RSA_EXPONENT;
}

const isNamed = ({ issuer, serial }: Certificate, { certificate }: SignerInfo): boolean =>
  certificate !== null && issuer.equals(certificate.issuer) && serial.equals(certificate.serial);

function readOrNull(der: Buffer, read: CertificateReader): Certificate | null {
  try {
    return read(der);
  } catch {
    return null; // a certificate that cannot be read is nobody's; whether the signer's is missing is decided above
  }
}
