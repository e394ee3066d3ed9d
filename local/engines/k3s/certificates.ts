import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
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
  const identity = makeCertificate({ commonName, key: newKey(), authority: {} });
  return { ...stored(identity), name: identity.name.toString('base64') };
}

/** A server certificate for the given DNS names and IPv4 addresses, signed by the cluster's CA. */
export function issueServerCertificate(authority: Authority, dnsNames: string[], ips: string[]): KeyedCertificate {
  const issuer = { name: Buffer.from(authority.name, 'base64'), key: createPrivateKey(authority.keyPem) };
  return stored(makeCertificate({ commonName: 'k3s', key: newKey(), dnsNames, ips }, issuer));
}

/** As k3s itself makes them, for its authorities and for what they sign. */
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const stored = ({ certificate, key }: { certificate: Buffer; key: KeyObject }): KeyedCertificate => ({
  certificatePem: toPem(certificate),
  keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
});
