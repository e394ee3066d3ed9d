import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { AppError } from '../model/errors';

/** App role that an operator, or the identity of a pipeline, must have been given. */
export const OPERATOR_ROLE = 'Starling.Operator';

export interface AccessTokenOptions {
  tenantId: string;
  /** Client id of the app registration, or its URI. */
  audience: string;
  now: () => number;
  /** Node's own by default. */
  fetch?: typeof globalThis.fetch;
}

/** {"kid":"…","kty":"RSA","n":"…","e":"AQAB",…}, one of `keys` at the tenant's discovery address. */
type PublishedKey = JsonWebKey & { kid?: string; kty?: string };

/** {"iss":"https://sts.windows.net/<tenant>/","aud":"api://…","exp":1767225600,"nbf":1767222000,"roles":["Starling.Operator"],…} */
interface Payload {
  iss?: unknown;
  aud?: unknown;
  exp?: unknown;
  nbf?: unknown;
  roles?: unknown;
}

/** What Microsoft's own libraries allow between two clocks. */
const SKEW_SECONDS = 300;
/** Entra ID publishes a key well before it signs with it, so an unknown one is seldom real: a flood of them asks this often. */
const LEAST_BETWEEN_LOOKS_MS = 5 * 60_000;
/** A key that was withdrawn is trusted no longer than this. */
const REMEMBER_KEYS_MS = 24 * 3_600_000;
/** Real ones have 2 KB; those with many groups 4. */
const MAX_CHARACTERS = 16_384;
const FETCH_TIMEOUT_MS = 10_000;

/**
 * Checks the access token of an operator: signed by the tenant (RS256, published keys), made for this app, valid now, and
 * with the operator's role. Throws NOT_SIGNED_IN, ROLE_MISSING, or AZURE_UNAVAILABLE when the keys cannot be had.
 * Source: learn.microsoft.com/entra/identity-platform/access-tokens (issuers of both token versions, validation).
 */
export function createAccessTokens(options: AccessTokenOptions): (authorization: string | null) => Promise<void> {
  const keys = publishedKeys(options);
  return async (authorization) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
    if (!token || token.length > MAX_CHARACTERS) throw refused('no access token of Entra ID came with the request');
    const [header = '', body = '', signature = ''] = token.split('.');
    const { alg, kid } = parsed(header) as { alg?: unknown; kid?: unknown };
    if (alg !== 'RS256' || typeof kid !== 'string') throw refused('the access token is not signed as Entra ID does');
    const key = await keys(kid);
    if (!key || !verify('sha256', Buffer.from(`${header}.${body}`), key, Buffer.from(signature, 'base64url')))
      throw refused('the access token is not signed by the tenant');
    requireClaims(parsed(body), options);
  };
}

function requireClaims({ iss, aud, exp, nbf, roles }: Payload, { tenantId, audience, now }: AccessTokenOptions): void {
  const seconds = now() / 1000;
  const issuers = [`https://sts.windows.net/${tenantId}/`, `https://login.microsoftonline.com/${tenantId}/v2.0`];
  if (!issuers.some((issuer) => issuer === iss)) throw refused('the access token is of another tenant');
  if (aud !== audience && aud !== `api://${audience}`) throw refused('the access token was made for another app');
  if (typeof exp !== 'number' || exp + SKEW_SECONDS < seconds) throw refused('the access token has expired');
  if (typeof nbf === 'number' && nbf - SKEW_SECONDS > seconds) throw refused('the access token is not valid yet');
  if (!Array.isArray(roles) || !roles.includes(OPERATOR_ROLE))
    throw new AppError('ROLE_MISSING', `who signed in does not have the role ${OPERATOR_ROLE} of this app`);
}

const refused = (message: string): AppError => new AppError('NOT_SIGNED_IN', message);

function parsed(part: string): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // refused for what it lacks; the parser's message would echo the token
  }
}

/** The tenant's keys by id, remembered in this process for up to a day. */
function publishedKeys(options: AccessTokenOptions): (kid: string) => Promise<KeyObject | undefined> {
  let keys = new Map<string, KeyObject>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let look: Promise<void> | undefined;
  const lookAgain = async (): Promise<void> => {
    keys = await fetchKeys(options);
    lookedAt = options.now();
  };
  return async (kid) => {
    const age = options.now() - lookedAt;
    // Everybody who comes meanwhile waits for the same answer, also for one that does not come.
    if (age > REMEMBER_KEYS_MS || (!keys.has(kid) && age > LEAST_BETWEEN_LOOKS_MS))
      await (look ??= lookAgain().finally(() => (look = undefined)));
    return keys.get(kid);
  };
}

async function fetchKeys({ tenantId, fetch = globalThis.fetch }: AccessTokenOptions): Promise<Map<string, KeyObject>> {
  try {
    const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
    const address = `https://login.microsoftonline.com/${tenantId}/discovery/v2.0/keys`;
    // Who answers in its place could name any key: a redirect is not followed.
    const response = await fetch(address, { signal, redirect: 'error' });
    if (!response.ok) throw new Error(`answered ${response.status}`);
    const { keys } = (await response.json()) as { keys: PublishedKey[] };
    const rsa = keys.flatMap(({ kid, ...key }) => (kid && key.kty === 'RSA' ? [[kid, key] as const] : []));
    return new Map(rsa.map(([kid, key]) => [kid, createPublicKey({ key, format: 'jwk' })]));
  } catch (cause) {
    throw new AppError('AZURE_UNAVAILABLE', 'the signing keys of the tenant could not be read', { cause });
  }
}
