import { HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import { generateKeyPairSync, sign } from 'node:crypto';
import { httpFunctions, type Wiring } from '../../functions/http';
import { openApiDocument } from '../../functions/openapi';
import { createAccessTokens, OPERATOR_ROLE } from '../../shared/azure/access-tokens';
import { ROUTES, type Route } from '../../shared/routes';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';

/** Who may call what, by the setting: a function key that the host checks, or a token that the app checks. */

const TENANT = '7e0a0000-0000-4000-8000-000000000001';
const AUDIENCE = 'c11e0000-0000-4000-8000-000000000002';
const NOW = Date.parse('2026-02-03T04:00:00.000Z');
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const published = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] };
const requireOperator = createAccessTokens({
  tenantId: TENANT,
  audience: AUDIENCE,
  now: () => NOW,
  fetch: async () => Response.json(published),
});

function tokenWith(roles: string[]): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: `https://sts.windows.net/${TENANT}/`, aud: AUDIENCE, exp: NOW / 1000 + 60, roles };
  const text = `${part({ alg: 'RS256', kid: 'k1' })}.${part(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
}

function functionsWith(more: Partial<Wiring>): Map<string, ReturnType<typeof httpFunctions>[number][1]> {
  const tools = { world: new FakeWorld(), orchestrator: new FakeOrchestrator(), log: QUIET_LOG };
  const durableClient = { type: 'durableClient', name: 'client' };
  return new Map(httpFunctions({ tools: () => tools, publicUrl: () => 'https://x.example', durableClient, ...more }));
}

const OPERATOR = Object.values<Route>(ROUTES).filter(({ auth }) => auth === 'key');
const OTHERS = Object.values<Route>(ROUTES).filter(({ auth }) => auth !== 'key');
const context = QUIET_LOG as unknown as InvocationContext;

/** What comes back, with a token or without. */
async function ask(functions: ReturnType<typeof functionsWith>, route: Route, token?: string) {
  const params = { c: 'demo', name: 'site', id: 'demo.scale.1', location: 'westeurope' };
  const url = `https://x.example/api/${route.path}?code=a-key&node=agents-1`;
  const headers = { 'x-functions-key': 'a-key', ...(token && { authorization: `Bearer ${token}` }) };
  const body = route.body ? { body: { string: '{}' } } : {};
  const request = new HttpRequest({ method: route.method, url, headers, params, ...body });
  const { status, jsonBody } = (await functions.get(route.name)!.handler(request, context)) as HttpResponseInit;
  return { status, code: (jsonBody as { code?: string } | undefined)?.code };
}

test('by default the host asks for a key on every route of operators, and on no other', () => {
  const functions = functionsWith({});
  expect(OPERATOR.map(({ name }) => functions.get(name)?.authLevel)).toEqual(OPERATOR.map(() => 'function'));
  expect(OTHERS.map(({ name }) => functions.get(name)?.authLevel)).toEqual(OTHERS.map(() => 'anonymous'));
  expect(OTHERS.map(({ name }) => name).sort()).toEqual(['health', 'join', 'leave', 'openapi', 'ready', 'storage']);
});

describe('with Entra ID switched on', () => {
  const functions = functionsWith({ requireOperator });

  test('the host asks for no key', () => {
    expect([...functions.values()].map(({ authLevel }) => authLevel)).toEqual([...functions].map(() => 'anonymous'));
  });

  test.each(OPERATOR.map((route) => [route.name, route]))('%s lets in nobody but an operator', async (_, route) => {
    expect(await ask(functions, route)).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });
    expect(await ask(functions, route, 'a.b.c')).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });
    expect(await ask(functions, route, tokenWith(['Reader']))).toEqual({ status: 403, code: 'ROLE_MISSING' });
    expect([401, 403]).not.toContain((await ask(functions, route, tokenWith([OPERATOR_ROLE]))).status);
  });

  test.each(OTHERS.map((route) => [route.name, route]))('%s asks for no token', async (_, route) => {
    expect(['NOT_SIGNED_IN', 'ROLE_MISSING']).not.toContain((await ask(functions, route)).code);
  });
});

test('the published document says so of every route', () => {
  const { paths } = openApiDocument('https://x.example');
  for (const { path, method, auth } of Object.values<Route>(ROUTES)) {
    const operation = paths?.[`/api/${path}`]?.[method.toLowerCase() as 'get'];
    expect(operation?.security).toEqual(auth === 'key' ? [{ key: [] }, { entra: [] }] : []);
  }
});
