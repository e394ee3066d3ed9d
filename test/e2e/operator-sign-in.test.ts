import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressesOf, send } from '../support/http';
import { startStarling, type Starling } from '../support/starling';

/** The whole app with Entra ID switched on. That a token of the tenant is taken, no tenant is here to show: the unit test does. */

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling({
    STARLING_ENTRA_TENANT_ID: '7e0a0000-0000-4000-8000-000000000001',
    STARLING_ENTRA_AUDIENCE: 'c11e0000-0000-4000-8000-000000000002',
  });
});
afterAll(() => starling?.stop());

test('the function key opens nothing of an operator’s any more', async () => {
  const { key } = addressesOf(starling);
  for (const path of ['/api/clusters', '/api/halt', '/api/clusters/demo/kubeconfig']) {
    const { status, contentType, body } = await send(starling, 'GET', path, { key });
    expect([status, contentType, body.code]).toEqual([401, 'application/problem+json', 'NOT_SIGNED_IN']);
  }
  const made = await send(starling, 'PUT', '/api/clusters/demo', {
    key,
    body: '{"engine":"k3s","location":"westeurope"}',
  });
  expect(made.status).toBe(401);
});

test('nodes, Event Grid and whoever asks for the app’s health need no token', async () => {
  expect((await send(starling, 'GET', '/api/health')).status).toBe(200);
  const body = JSON.stringify({ claims: '{}', attestation: 'AA==' });
  for (const route of ['join', 'ready', 'storage', 'leave'])
    expect((await send(starling, 'POST', `/api/clusters/demo/${route}`, { body })).body.code).toBe('CLUSTER_NOT_FOUND');
  const { systemKeys } = JSON.parse(readFileSync(join(starling.stateDir, 'host', 'keys.json'), 'utf8'));
  const { appUrl } = addressesOf(starling);
  const webhook = `${appUrl}/runtime/webhooks/eventgrid?functionName=azureEvents`;
  const validation = { eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'v' } };
  const ask = (url: string): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'aeg-event-type': 'SubscriptionValidation' },
      body: JSON.stringify([{ id: '1', subject: '', eventTime: '2026-01-01T00:00:00Z', ...validation }]),
    });
  expect((await ask(webhook)).status).toBe(401);
  const answer = await ask(`${webhook}&code=${systemKeys.eventgrid_extension}`);
  expect([answer.status, await answer.json()]).toEqual([200, { validationResponse: 'v' }]);
});
