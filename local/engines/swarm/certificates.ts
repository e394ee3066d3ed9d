import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { makeCertificate, toPem, type CertificateRequest, type Identity } from '../../azure/pki-certificate';

/** What `starling-ready.sh` leaves on a manager's disk for dockerd's own API; nothing to do with the swarm's authority. */
export interface ApiCertificates {
  fqdn: string;
  sans: string[];
  caPem: string;
  certificatePem: string;
  keyPem: string;
  /** Certificate of the one client, then its key. */
  credential: string;
}

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const keyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

const authority = (commonName: string): Identity => makeCertificate({ commonName, key: newKey(), authority: {} });

/** PEM of the authority that a swarm makes at `init`. Its key signs nothing here: node certificates are only dates. */
export const newSwarmCa = (): string => toPem(authority('swarm-ca').certificate);

/** A new authority for the API at `fqdn`, a server certificate for all its names, and one client certificate. */
export function newApiCertificates(fqdn: string, sans: string[], ip: string): ApiCertificates {
  const ca = authority(`docker-api@${fqdn}`);
  const issue = (request: Omit<CertificateRequest, 'key'>): { pem: string; key: string } => {
    const { certificate, key } = makeCertificate({ ...request, key: newKey() }, ca);
    return { pem: toPem(certificate), key: keyPem(key) };
  };
  const isAddress = (name: string): boolean => /^[\d.]+$/.test(name);
  const names = [...new Set([fqdn, ...sans])];
  const ips = [...new Set([ip, '127.0.0.1', ...names.filter(isAddress)])];
  const server = issue({ commonName: 'dockerd', dnsNames: names.filter((name) => !isAddress(name)), ips });
  const client = issue({ commonName: 'starling', isClient: true });
  return {
    fqdn,
    sans,
    caPem: toPem(ca.certificate),
    certificatePem: server.pem,
    keyPem: server.key,
    credential: `${client.pem}${client.key}`,
  };
}

/** Whether the authority signed this certificate, DER. */
export function isSignedBy(certificate: Buffer, caPem: string): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(caPem).publicKey);
}
