import { createHash } from 'node:crypto';
import type { Starling } from './starling';

export interface Attested {
  claims: string;
  attestation: string;
}

export const claimsOf = (cluster: string, instanceId: string, more: object = {}): string =>
  JSON.stringify({
    cluster,
    hostname: 'agents000000',
    instanceId,
    bootId: '0b1c7a52-6d6f-4c39-9d37-6f0d5f1f8a11',
    ...more,
  });

export const nonceOf = (claims: string): string =>
  createHash('sha256').update(claims, 'utf8').digest('hex').slice(0, 32);

export type Forgery = 'signature' | 'issuer' | 'subscription' | 'expired' | 'san' | 'two-signers';

/** What the metadata service of that VM answers to the nonce of the claims; or a forgery of it. */
export async function attestationOf(
  starling: Starling,
  cluster: string,
  instanceId: string,
  { claims, forge }: { claims: string; forge?: Forgery },
): Promise<string> {
  const query = new URLSearchParams({ cluster, instanceId, nonce: nonceOf(claims), ...(forge ? { forge } : {}) });
  return (await starling.control<{ signature: string }>('GET', `/_local/attestation?${query}`)).signature;
}

/** An honest attested request of that VM. */
export async function attested(
  starling: Starling,
  cluster: string,
  instanceId: string,
  more: object = {},
): Promise<Attested> {
  const claims = claimsOf(cluster, instanceId, more);
  return { claims, attestation: await attestationOf(starling, cluster, instanceId, { claims }) };
}
