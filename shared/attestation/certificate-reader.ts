import { readCertificate, type Certificate } from './certificate';

/** Throws when the bytes are not a certificate. */
export type CertificateReader = (der: Buffer) => Certificate;

/** Azure has a few signers a region; forged ones can displace them, which costs a reading and nothing else. */
const MAX_REMEMBERED = 64;

/** Remembers what it has read by all of its bytes: a wave of joins is signed by one certificate, and reading is half of a check. */
export function createCertificateReader(): CertificateReader {
  const remembered = new Map<string, Certificate>();
  return (der) => {
    const key = der.toString('latin1');
    const known = remembered.get(key);
    if (known) return known;
    const certificate = readCertificate(der);
    const [oldest] = remembered.keys();
    if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    remembered.set(key, certificate);
    return certificate;
  };
}
