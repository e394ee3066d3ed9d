import { createPrivateKey, generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { makeCertificate, toPem } from '../../azure/pki-certificate';

export interface KeyedCertificate {
  certificatePem: string;
  keyPem: string;
}

/** The CA that k3s makes for each cluster at its first start. */
export interface Authority extends KeyedCertificate {
  /** DER of its name, base64. */
  name: string;
}

export async function createAuthority(commonName: string): Promise<Authority> {
  const identity = makeCertificate({ commonName, key: await newAuthorityKey(), authority: {} });
  return { ...stored(identity), name: identity.name.toString('base64') };
}

/** A server certificate for the given DNS names and IPv4 addresses, signed by the cluster's CA. */
export function issueServerCertificate(authority: Authority, dnsNames: string[], ips: string[]): KeyedCertificate {
  const issuer = { name: Buffer.from(authority.name, 'base64'), key: createPrivateKey(authority.keyPem) };
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return stored(makeCertificate({ commonName: 'k3s', key, dnsNames, ips }, issuer));
}

const generate = promisify(generateKeyPair);

/** Off the main thread: an RSA key takes a tenth of a second. */
const newAuthorityKey = async (): Promise<KeyObject> => (await generate('rsa', { modulusLength: 2048 })).privateKey;

const stored = ({ certificate, key }: { certificate: Buffer; key: KeyObject }): KeyedCertificate => ({
  certificatePem: toPem(certificate),
  keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
});
