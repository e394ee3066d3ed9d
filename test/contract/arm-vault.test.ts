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
    const { secrets, finish, clock } = cloud();
    await secrets.setSecret('token', 'one');
    await finish(await secrets.beginDeleteSecret('token'));
    await expect(secrets.getSecret('token')).rejects.toMatchObject({ statusCode: 404, code: 'SecretNotFound' });
    await expect(secrets.setSecret('token', 'two')).rejects.toMatchObject({ statusCode: 409 });
    await finish(await secrets.beginRecoverDeletedSecret('token'));
    expect((await secrets.getSecret('token')).value).toBe('one');
    await finish(await secrets.beginDeleteSecret('token'));
    await secrets.purgeDeletedSecret('token');
    await clock.advance(5_000);
    expect((await secrets.setSecret('token', 'three')).value).toBe('three');
  });

  it('takes some seconds to delete, recover and purge, and answers 409 and 404 in between', async () => {
    const { secrets, clock } = cloud();
    const conflict = (code: string) => ({
      statusCode: 409,
      code: 'Conflict',
      details: { error: { innerError: { code } } }, // as the SDK spells it
    });
    const missing = { statusCode: 404 };
    await secrets.setSecret('token', 'one');
    await secrets.beginDeleteSecret('token');
    await expect(secrets.getSecret('token')).rejects.toMatchObject(missing);
    await expect(secrets.getDeletedSecret('token')).rejects.toMatchObject(missing);
    await expect(secrets.setSecret('token', 'two')).rejects.toMatchObject(conflict('ObjectIsBeingDeleted'));
    await expect(secrets.purgeDeletedSecret('token')).rejects.toMatchObject(conflict('ObjectIsBeingDeleted'));
    await expect(secrets.beginDeleteSecret('token')).rejects.toMatchObject({ statusCode: 409 });
    await clock.advance(5_000);
    await expect(secrets.setSecret('token', 'two')).rejects.toMatchObject(conflict('ObjectIsDeletedButRecoverable'));
    await secrets.beginRecoverDeletedSecret('token');
    await expect(secrets.getSecret('token')).rejects.toMatchObject(missing);
    await expect(secrets.setSecret('token', 'two')).rejects.toMatchObject(conflict('ObjectIsBeingRecovered'));
    await clock.advance(5_000);
    await secrets.beginDeleteSecret('token');
    await clock.advance(5_000);
    await secrets.purgeDeletedSecret('token');
    await expect(secrets.setSecret('token', 'two')).rejects.toMatchObject({ statusCode: 409 });
    await clock.advance(5_000);
    expect((await secrets.setSecret('token', 'two')).value).toBe('two');
    const versions = [];
    for await (const version of secrets.listPropertiesOfSecretVersions('token')) versions.push(version.version);
    expect(versions).toHaveLength(1);
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
