import { createHash } from 'node:crypto';
import type { ClusterRecord } from './clusters';
import type { KubeObject } from './kube-object';
import type { KubeObjects } from './objects';

/** Sample: `K10<64 hex>::abcdef.0123456789abcdef`, `K10<64 hex>::server:secret`, or either without the K10 prefix. */
export interface JoinToken {
  /** Absent in the short form: the agent then trusts the CA it meets first. */
  caHash?: string;
  user: string;
  secret: string;
  bootstrapId?: string;
}

export function parseToken(text: string): JoinToken | undefined {
  const [, caHash, credentials = ''] = /^(?:K10([0-9a-f]{64})::)?([^\s]+)$/.exec(text.trim()) ?? [];
  const prefix = caHash === undefined ? {} : { caHash };
  const bootstrap = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(credentials);
  if (bootstrap) return { ...prefix, user: '', secret: bootstrap[2] ?? '', bootstrapId: bootstrap[1] ?? '' };
  const [, user = 'server', secret = ''] = /^(?:(\w+):)?(.+)$/.exec(credentials) ?? [];
  return secret === '' || credentials.startsWith('K10') ? undefined : { ...prefix, user, secret };
}

/** One certificate in the bundle: SHA-256 of the PEM file's bytes, white space included (cluster.md 1.2). */
export const caHashOf = (pem: string): string => createHash('sha256').update(pem).digest('hex');

/** What the token's holder may join as; empty when the supervisor answers 401. */
export function rolesOf(cluster: ClusterRecord, objects: KubeObjects, token: JoinToken, now: number): string[] {
  if (token.bootstrapId !== undefined) return isValidBootstrap(objects, token, now) ? ['agent'] : [];
  // The server token also joins agents: k3s accepts the user `server` wherever it accepts `node`.
  if (token.user === 'server') return token.secret === cluster.serverToken ? ['server', 'agent'] : [];
  const agentToken = cluster.agentToken ?? cluster.serverToken;
  return token.user === 'node' && token.secret === agentToken ? ['agent'] : [];
}

function isValidBootstrap(objects: KubeObjects, token: JoinToken, now: number): boolean {
  const secret = objects.find('secrets', 'kube-system', `bootstrap-token-${token.bootstrapId}`);
  return (
    secret?.type === 'bootstrap.kubernetes.io/token' &&
    field(secret, 'token-id') === token.bootstrapId &&
    field(secret, 'token-secret') === token.secret &&
    field(secret, 'usage-bootstrap-authentication') === 'true' &&
    now < expiryOf(secret)
  );
}

const field = (secret: KubeObject, key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();

/** Without an expiration a token lives for ever; one that cannot be read is expired, as the authenticator treats it. */
export function expiryOf(secret: KubeObject): number {
  const expiration = field(secret, 'expiration');
  if (expiration === '') return Infinity;
  const at = Date.parse(expiration);
  return Number.isNaN(at) ? 0 : at;
}
