import { cloud } from './arm-cloud';

describe('secrets through the real SDK', () => {
  it('keeps versions, and gives the newest', async () => {
    const { secrets } = cloud();
    const first = await secrets.setSecret('token', 'one');
    await secrets.setSecret('token', 'two', { tags: { cluster: 'demo' } });
    expect((await secrets.getSecret('token')).value).toBe('two');
    expect((await secrets.getSecret('token', { version: first.properties.version })).value).toBe('one');
    const versions = [];
    for await (const version of secrets.listPropertiesOfSecretVersions('token')) versions.push(version.version);
    expect(versions).toHaveLength(2);
  });

  it('lists names without values, over several pages', async () => {
    const { secrets } = cloud();
    for (let number = 0; number < 120; number += 1) await secrets.setSecret(`s-${number}`, 'hush');
    const found = [];
    for await (const properties of secrets.listPropertiesOfSecrets()) found.push(properties);
    expect(new Set(found.map(({ name }) => name)).size).toBe(120);
    expect(JSON.stringify(found)).not.toContain('hush');
  });

  it('keeps the name of a deleted secret taken until it is recovered or purged', async () => {
    const { secrets } = cloud();
    await secrets.setSecret('token', 'one');
    await (await secrets.beginDeleteSecret('token', { intervalInMs: 1 })).pollUntilDone();
    await expect(secrets.getSecret('token')).rejects.toMatchObject({ statusCode: 404, code: 'SecretNotFound' });
    await expect(secrets.setSecret('token', 'two')).rejects.toMatchObject({ statusCode: 409 });
    await (await secrets.beginRecoverDeletedSecret('token', { intervalInMs: 1 })).pollUntilDone();
    expect((await secrets.getSecret('token')).value).toBe('one');
    await (await secrets.beginDeleteSecret('token', { intervalInMs: 1 })).pollUntilDone();
    await secrets.purgeDeletedSecret('token');
    expect((await secrets.setSecret('token', 'three')).value).toBe('three');
  });

  it('answers 401 with a challenge when no token comes along', async () => {
    const { azure } = cloud();
    const answer = await azure.vault({
      method: 'GET',
      url: new URL('https://v.vault.azure.net/secrets/x?api-version=7.5'),
      headers: {},
      body: '',
    });
    expect(answer.status).toBe(401);
    expect(answer.headers?.['www-authenticate']).toMatch(
      /^Bearer authorization="https:\/\/login\.microsoftonline\.com\/[-\w]+", resource="https:\/\/vault\.azure\.net"$/,
    );
  });
});
