import { createAzureClients } from '../../shared/azure/clients';
import { createVault } from '../../shared/azure/vault';
import { answering, scripted, type Answer } from '../support/azure-answers';
import { testConfig, testCredential } from '../support/azure-config';
import { simulatedCloud } from '../support/simulated-cloud';

/** The vault between two states: each route answers in turn, the last answer for good. */
function vaultAnswering(answers: Record<string, Answer[]>) {
  const httpClient = scripted(({ method, url }) => {
    const route = `${method} ${new URL(url).pathname}`;
    const [next, ...rest] = answers[route] ?? [];
    if (rest.length > 0) answers[route] = rest;
    return next ?? { status: 500, body: { error: { code: 'Unexpected', message: route } } };
  });
  const vault = createVault(createAzureClients(testConfig(), testCredential, { httpClient }));
  return { vault, sent: () => httpClient.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`) };
}

const refusal = (status: number, code: string, message = 'No.'): Answer => ({
  status,
  body: { error: { code, message } },
});
const secret: Answer = { status: 200, body: { id: 'https://starling.vault.azure.net/secrets/a/1', value: 'x' } };
const deleted: Answer = {
  status: 200,
  body: {
    id: 'https://starling.vault.azure.net/secrets/a',
    recoveryId: 'https://starling.vault.azure.net/deletedsecrets/a',
  },
};

describe('a secret between two states', () => {
  it('is purged as soon as the vault has deleted it', async () => {
    const { vault, sent } = vaultAnswering({
      'DELETE /secrets/a': [deleted],
      'GET /deletedsecrets/a': [refusal(404, 'SecretNotFound')],
      'DELETE /deletedsecrets/a': [refusal(409, 'Conflict', 'Secret a is currently being deleted.'), { status: 204 }],
    });
    await vault.remove('a');
    expect(sent().filter((route) => route === 'DELETE /deletedsecrets/a')).toHaveLength(2);
  });

  it('under purge protection is removed as far as the vault allows', async () => {
    const { vault } = vaultAnswering({
      'DELETE /secrets/a': [deleted],
      'GET /deletedsecrets/a': [deleted],
      'DELETE /deletedsecrets/a': [
        refusal(
          403,
          'Forbidden',
          'Operation "purge" is not allowed because purge protection is enabled for this vault.',
        ),
      ],
    });
    await expect(vault.remove('a')).resolves.toBeUndefined();
  });

  it('that may not be purged for lack of a right says so', async () => {
    const { vault } = vaultAnswering({
      'DELETE /secrets/a': [refusal(404, 'SecretNotFound')],
      'DELETE /deletedsecrets/a': [refusal(403, 'Forbidden', 'Caller is not authorized to perform action.')],
    });
    await expect(vault.remove('a')).rejects.toMatchObject({ code: 'AZURE_DENIED' });
  });

  it('is recovered and then written', async () => {
    const { vault } = vaultAnswering({
      'PUT /secrets/a': [refusal(409, 'Conflict', 'currently in a deleted but recoverable state'), secret],
      'POST /deletedsecrets/a/recover': [secret],
      'GET /secrets/a/': [refusal(404, 'SecretNotFound')],
    });
    await expect(vault.set('a', 'x')).resolves.toBeUndefined();
  });
});

it('an outage of the vault is told with the time to wait', async () => {
  const httpClient = answering(503, { error: { code: 'ServiceUnavailable', message: 'No.' } }, { 'retry-after': '30' });
  const vault = createVault(createAzureClients(testConfig(), testCredential, { httpClient }));
  await expect(vault.get('a')).rejects.toMatchObject({ code: 'AZURE_UNAVAILABLE', retryAfterMs: 30_000 });
});

describe('secrets in the simulated vault', () => {
  const { vault, control, clients, requests, clock } = simulatedCloud();
  // The adapter waits in real time for a vault that needs simulated seconds.
  let passing: NodeJS.Timeout;
  beforeAll(() => void (passing = setInterval(() => void clock.advance(1_000), 100)));
  afterAll(() => clearInterval(passing));

  it('are read as they were written last', async () => {
    await vault.set('engine-demo', 'first');
    await vault.set('engine-demo', '{"endpoint":"https://x:6443","caPem":"…\\n"}');
    expect(await vault.get('engine-demo')).toBe('{"endpoint":"https://x:6443","caPem":"…\\n"}');
  });

  it('that were never written are nothing', async () => {
    expect(await vault.get('nobody')).toBeUndefined();
  });

  it('are gone without a trace after removal, which may be repeated', async () => {
    await vault.set('gone', 'x');
    await vault.remove('gone');
    await vault.remove('gone');
    await vault.remove('never-there');
    expect(await vault.get('gone')).toBeUndefined();
    const deleted: string[] = [];
    for await (const { name } of clients.vault().listDeletedSecrets()) deleted.push(name);
    expect(deleted).not.toContain('gone');
  });

  it('may be written again after removal', async () => {
    await vault.set('again', 'first');
    await vault.remove('again');
    await vault.set('again', 'second');
    expect(await vault.get('again')).toBe('second');
  });

  it('that somebody deleted without purging are written all the same', async () => {
    await vault.set('kept', 'first');
    await clients.vault().beginDeleteSecret('kept');
    expect(await vault.get('kept')).toBeUndefined();
    await vault.set('kept', 'second');
    expect(await vault.get('kept')).toBe('second');
    await vault.remove('kept');
    expect(await vault.get('kept')).toBeUndefined();
  });

  it('deleted without purging are purged by a removal', async () => {
    await vault.set('half', 'first');
    await clients.vault().beginDeleteSecret('half');
    await vault.remove('half');
    await expect(clients.vault().getDeletedSecret('half')).rejects.toMatchObject({ statusCode: 404 });
  });

  it.each(['', 'with space', 'under_score', '../x', 'x'.repeat(128)])(
    'of the name "%s" are never asked for',
    async (name) => {
      requests.length = 0;
      await expect(vault.get(name)).rejects.toMatchObject({ code: 'INTERNAL' });
      await expect(vault.set(name, 'x')).rejects.toMatchObject({ code: 'INTERNAL' });
      await expect(vault.remove(name)).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(requests).toEqual([]);
    },
  );

  it('survive a dropped connection', async () => {
    await vault.set('steady', 'x');
    await control('POST', '/_local/faults', { match: { path: '/secrets/' }, dropConnection: true, times: 1 });
    expect(await vault.get('steady')).toBe('x');
  });
});
