import { createHash, X509Certificate } from 'node:crypto';
import type { V1Secret } from '@kubernetes/client-node';
import { AppError } from '../../model/errors';
import type { JoinToken } from '../../ports';

const ID = /^[a-z0-9]{6}$/;
const SECRET = /^[a-z0-9]{16}$/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** `K10<hash of the CA>::<id>.<secret>`: with the hash in it, an agent talks to no server but ours. */
export function formatToken(caPem: string, token: JoinToken): string {
  requireShape(token);
  return `K10${caHash(caPem)}::${token.id}.${token.secret}`;
}

/**
 * As k3s computes it (`hashCA`): of a single certificate the bytes of the file as they are, final newline included; of a
 * bundle the DER of the root to which the first certificate chains.
 */
export function caHash(caPem: string): string {
  const certificates = (caPem.match(CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  const [first] = certificates;
  if (!first) throw new AppError('INTERNAL', 'The CA of the cluster holds no certificate');
  const hashed = certificates.length === 1 ? Buffer.from(caPem, 'utf8') : rootOf(first, certificates).raw;
  return createHash('sha256').update(hashed).digest('hex');
}

function rootOf(first: X509Certificate, bundle: X509Certificate[]): X509Certificate {
  let current = first;
  // Each step takes another certificate of the bundle, so that a loop of cross-signed ones ends.
  for (let step = 0; step < bundle.length; step += 1) {
    const issuer = bundle.find((candidate) => candidate !== current && current.checkIssued(candidate));
    if (!issuer || current.checkIssued(current)) return current;
    current = issuer;
  }
  return current;
}

export const tokenSecretName = (id: string): string => `bootstrap-token-${id}`;

/** What `k3s token create` would make. Good for joining only: no signing, no group beyond the one every such token has. */
export function tokenSecret(token: JoinToken): V1Secret {
  requireShape(token);
  const values = {
    'token-id': token.id,
    'token-secret': token.secret,
    expiration: token.expiresAt,
    'usage-bootstrap-authentication': 'true',
    description: 'Starling: one agent, removed when it has joined',
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: { name: tokenSecretName(token.id), namespace: 'kube-system' },
    data: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]),
    ),
  };
}

function requireShape({ id, secret }: JoinToken): void {
  if (!ID.test(id) || !SECRET.test(secret))
    throw new AppError('INTERNAL', 'A join token has not the shape k3s asks for');
}
