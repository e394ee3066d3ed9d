import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHttpHeaders, type HttpClient } from '@azure/core-rest-pipeline';
import { simulatedHttpClient } from '../../local/azure/http-client';
import { createAzureClients } from '../../shared/azure/clients';
import { createCloud } from '../../shared/azure/cloud';
import { createVault } from '../../shared/azure/vault';
import { testConfig } from '../support/azure-config';
import { cloud as simulate, SUBSCRIPTION } from './arm-cloud';

/** The environment that App Service gives to an app with a managed identity; nothing else tells the app who it is. */
describe('without a credential of its own', () => {
  const { azure } = simulate();
  const asked: string[] = [];
  let server: Server;

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      asked.push(url.searchParams.get('resource') ?? '');
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const answer = await azure.identity({ method: 'GET', url, headers, body: '' });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env['IDENTITY_ENDPOINT'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`;
    process.env['IDENTITY_HEADER'] = azure.identityHeader;
  });

  afterAll(async () => {
    delete process.env['IDENTITY_ENDPOINT'];
    delete process.env['IDENTITY_HEADER'];
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const connect = (armEndpoint: string, vaultUrl: string) => {
    const httpClient = simulatedHttpClient(
      ({ pathname }) => (pathname.includes('secrets') ? azure.vault : azure.arm),
      createHttpHeaders,
    ) as HttpClient;
    const config = testConfig({ subscriptionId: SUBSCRIPTION, armEndpoint, vaultUrl });
    return createAzureClients(config, undefined, { httpClient });
  };

  it.each([
    ['the public Azure', 'https://management.azure.com', 'https://starling.vault.azure.net'],
    ['an Azure of its own at another address', 'https://127.0.0.1:4443', 'https://127.0.0.1:4444'],
  ])('is known by its managed identity to %s', async (_where, armEndpoint, vaultUrl) => {
    const clients = connect(armEndpoint, vaultUrl);
    expect(await createCloud(clients).ensureGroups('demo', 'westeurope')).toEqual({ ok: true });
    expect(await createCloud(clients).getScaleSet('demo')).toBeUndefined();
    await createVault(clients).set('name', 'value');
    expect(await createVault(clients).get('name')).toBe('value');
  });

  it('asks nobody before it needs to', () => {
    asked.length = 0;
    connect('https://management.azure.com', 'https://starling.vault.azure.net');
    expect(asked).toEqual([]);
  });

  it('says that Azure denied it where its identity is refused', async () => {
    process.env['IDENTITY_HEADER'] = 'wrong';
    // Another cloud: the SDK keeps tokens of the ones above.
    const clients = connect('https://management.usgovcloudapi.net', 'https://starling.vault.usgovcloudapi.net');
    const outcome = createCloud(clients).groupExists('demo-compute');
    await expect(outcome).rejects.toMatchObject({ name: 'AppError', code: 'AZURE_DENIED' });
    expect(asked).toEqual(['https://management.usgovcloudapi.net']);
  });
});
