import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Core } from './core';
import { ArmError } from './arm/errors';
import type { Handler, SimRequest } from './http';

/** The app's managed identity, and the check of the tokens it hands out. */
export interface Identity {
  /** App Service's token endpoint, api-version 2019-08-01. */
  handler: Handler;
  /** Throws the 401 unless the request carries a valid token for one of the audiences. */
  authorize(request: SimRequest, audiences: readonly string[], challenge: string): void;
  /** The secret that `handler` wants as `X-IDENTITY-HEADER` (`IDENTITY_HEADER` of the app). */
  header(): string;
}

const TOKEN_LIFE_S = 3_600 * 24; // managed identities get tokens of a day
export const ARM_AUDIENCES = ['https://management.azure.com', 'https://management.core.windows.net'] as const;
export const VAULT_AUDIENCES = ['https://vault.azure.net'] as const;

export function createIdentity({ store, clock, settings, chance }: Core): Identity {
  const secretOf = (name: string): string => {
    const known = store.get<string>('identity', name);
    if (known) return known;
    const secret = randomBytes(24).toString('base64url');
    store.put('identity', name, secret);
    return secret;
  };
  const sign = (text: string): string => createHmac('sha256', secretOf('signing')).update(text).digest('base64url');
  const seconds = (): number => Math.floor(clock.now() / 1_000);
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  const issue = (audience: string): string => {
    const claims = {
      aud: audience,
      iss: `https://sts.windows.net/${settings.tenantId}/`,
      iat: seconds(),
      nbf: seconds(),
      exp: seconds() + TOKEN_LIFE_S,
      oid: chance.guid('principal'),
      tid: settings.tenantId,
    };
    const unsigned = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode(claims)}`;
    return `${unsigned}.${sign(unsigned)}`;
  };
  const problemOf = (token: string, audiences: readonly string[]): [code: string, message: string] | undefined => {
    const [header, payload, signature] = token.split('.');
    if (!header || !payload || !signature || !equal(sign(`${header}.${payload}`), signature)) {
      return ['InvalidAuthenticationToken', 'The access token is invalid.'];
    }
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { aud: string; exp: number };
    if (claims.exp <= seconds()) return ['ExpiredAuthenticationToken', 'The access token expiry UTC time has passed.'];
    if (!audiences.includes(claims.aud.replace(/\/+$/, ''))) {
      return [
        'InvalidAuthenticationTokenAudience',
        `The access token has been obtained for wrong audience or resource '${claims.aud}'.`,
      ];
    }
    return undefined;
  };

  return {
    header: () => secretOf('header'),
    authorize(request, audiences, challenge) {
      const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
      const headers = { 'www-authenticate': challenge };
      if (!token) {
        throw new ArmError(
          401,
          'AuthenticationFailed',
          "Authentication failed. The 'Authorization' header is missing.",
          { headers },
        );
      }
      if (settings.verifyToken === false) return;
      const problem = problemOf(token, audiences);
      if (problem) throw new ArmError(401, problem[0], problem[1], { headers });
    },
    handler(request) {
      const resource = request.url.searchParams.get('resource');
      if (!equal(request.headers['x-identity-header'] ?? '', secretOf('header'))) {
        return { status: 401, body: { statusCode: 401, message: 'X-IDENTITY-HEADER is missing or wrong' } };
      }
      if (request.url.searchParams.get('api-version') !== '2019-08-01' || !resource) {
        return { status: 400, body: { statusCode: 400, message: 'resource and api-version=2019-08-01 are required' } };
      }
      const token = issue(resource);
      const body = {
        access_token: token,
        expires_on: String(seconds() + TOKEN_LIFE_S),
        resource,
        token_type: 'Bearer',
        client_id: request.url.searchParams.get('client_id') ?? chance.guid('client'),
      };
      return { status: 200, body };
    },
  };
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
