import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createAccessTokens, OPERATOR_ROLE } from '../../shared/azure/access-tokens';
import { readConfig, usesEntra } from '../../shared/config';

const TENANT = '7e0a0000-0000-4000-8000-000000000001';
const AUDIENCE = 'c11e0000-0000-4000-8000-000000000002';
const NOW = Date.parse('2026-02-03T04:00:00.000Z');
const tenant = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

const GOOD = {
  iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
  aud: AUDIENCE,
  nbf: NOW / 1000 - 60,
  exp: NOW / 1000 + 3600,
  roles: ['Reader', OPERATOR_ROLE],
};

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function tokenOf(
  claims: object = {},
  { header = {}, key = tenant.privateKey }: { header?: object; key?: KeyObject } = {},
): string {
  const text = `${part({ typ: 'JWT', alg: 'RS256', kid: 'k1', ...header })}.${part({ ...GOOD, ...claims })}`;
  return `Bearer ${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

function checkWith({ audience = AUDIENCE, status = 200 } = {}) {
  const asked: string[] = [];
  const clock = { now: NOW };
  const keys = [{ ...tenant.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }];
  const fetch = async (url: unknown, how?: RequestInit): Promise<Response> => {
    asked.push(String(url));
    expect(how).toMatchObject({ redirect: 'error', signal: expect.any(AbortSignal) });
    return new Response(JSON.stringify({ keys }), { status });
  };
  const check = createAccessTokens({
    tenantId: TENANT,
    audience,
    now: () => clock.now,
    fetch: fetch as typeof globalThis.fetch,
  });
  return { check, asked, clock, withdraw: () => keys.splice(0) };
}

describe('an access token', () => {
  it.each([
    ['of version 2', {}],
    ['of version 1', { iss: `https://sts.windows.net/${TENANT}/`, aud: `api://${AUDIENCE}` }],
  ])('%s of an operator is taken, and the keys are asked for once', async (_, claims) => {
    const { check, asked } = checkWith();
    await check(tokenOf(claims));
    await check(tokenOf(claims));
    expect(asked).toEqual([`https://login.microsoftonline.com/${TENANT}/discovery/v2.0/keys`]);
  });

  const unsigned = `Bearer ${part({ alg: 'none', kid: 'k1' })}.${part(GOOD)}.AA`;
  const text = `${part({ alg: 'HS256', kid: 'k1' })}.${part(GOOD)}`;
  const symmetric = createHmac('sha256', tenant.publicKey.export({ format: 'pem', type: 'spki' })).update(text);
  it.each<[string, string | null, string]>([
    ['that is missing', null, 'NOT_SIGNED_IN'],
    ['that is a function key', 'Basic abc', 'NOT_SIGNED_IN'],
    ['that is no token', 'Bearer a.b', 'NOT_SIGNED_IN'],
    ['that holds no JSON', 'Bearer YQ.YQ.YQ', 'NOT_SIGNED_IN'],
    ['that is larger than any', `Bearer ${'a'.repeat(9000)}.${'a'.repeat(9000)}.a`, 'NOT_SIGNED_IN'],
    ['that is not signed', unsigned, 'NOT_SIGNED_IN'],
    [
      'that is signed with the public key as a secret',
      `Bearer ${text}.${symmetric.digest('base64url')}`,
      'NOT_SIGNED_IN',
    ],
    ['that somebody else signed', tokenOf({}, { key: stranger.privateKey }), 'NOT_SIGNED_IN'],
    ['of an unknown key', tokenOf({}, { header: { kid: 'k2' } }), 'NOT_SIGNED_IN'],
    ['of another tenant', tokenOf({ iss: 'https://sts.windows.net/other/' }), 'NOT_SIGNED_IN'],
    ['for another app', tokenOf({ aud: 'https://management.azure.com' }), 'NOT_SIGNED_IN'],
    ['that has expired', tokenOf({ exp: NOW / 1000 - 301 }), 'NOT_SIGNED_IN'],
    ['that never expires', tokenOf({ exp: undefined }), 'NOT_SIGNED_IN'],
    ['that is not valid yet', tokenOf({ nbf: NOW / 1000 + 301 }), 'NOT_SIGNED_IN'],
    ['without roles', tokenOf({ roles: undefined }), 'ROLE_MISSING'],
    ['with a role that only looks alike', tokenOf({ roles: ['starling.operator'] }), 'ROLE_MISSING'],
  ])('%s is refused', async (_, authorization, code) => {
    await expect(checkWith().check(authorization)).rejects.toMatchObject({ code });
  });

  it('of unknown keys has the tenant asked again, but a flood of them not more than every five minutes', async () => {
    const { check, asked, clock } = checkWith();
    const unknown = tokenOf({}, { header: { kid: 'new' } });
    for (let times = 0; times < 20; times++) await expect(check(unknown)).rejects.toThrow();
    expect(asked).toHaveLength(1);
    clock.now += 5 * 60_000 + 1;
    await expect(check(unknown)).rejects.toThrow();
    expect(asked).toHaveLength(2);
  });

  it('of many at once has the tenant asked once, whether it answers or not', async () => {
    for (const status of [200, 500]) {
      const { check, asked } = checkWith({ status });
      await Promise.allSettled(Array.from({ length: 50 }, () => check(tokenOf())));
      expect(asked).toHaveLength(1);
    }
  });

  it('of a key that was withdrawn is good for a day at most', async () => {
    const { check, asked, clock, withdraw } = checkWith();
    await check(tokenOf());
    withdraw();
    clock.now += 24 * 3_600_000 + 1;
    const later = { nbf: clock.now / 1000, exp: clock.now / 1000 + 60 };
    await expect(check(tokenOf(later))).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' });
    expect(asked).toHaveLength(2);
  });

  it('cannot be judged while the keys cannot be had', async () => {
    await expect(checkWith({ status: 500 }).check(tokenOf())).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE' });
  });
});

describe('the settings of the sign-in', () => {
  it('are two, and one alone lets nobody in', () => {
    const half = { STARLING_ENTRA_TENANT_ID: TENANT };
    expect(usesEntra({})).toBe(false);
    expect(usesEntra(half)).toBe(true);
    expect(() => readConfig(half)).toThrow(/STARLING_ENTRA_AUDIENCE/);
    expect(() => readConfig({})).not.toThrow(/STARLING_ENTRA/);
  });
});
