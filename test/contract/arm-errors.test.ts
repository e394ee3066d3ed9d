import { cloud, SUBSCRIPTION, type Cloud } from './arm-cloud';
import { clusterTemplate, GROUP, networkBody, scaleSetBody, SET_ID } from './arm-bodies';

const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}`;
const network = `${group}/providers/Microsoft.Network/virtualNetworks/network`;

async function withGroup(): Promise<Cloud> {
  const here = cloud();
  await here.resources.resourceGroups.createOrUpdate(GROUP, { location: 'westeurope' });
  return here;
}
const codeOf = (answer: { body?: unknown }): string => (answer.body as { error: { code: string } }).error.code;

describe('what Azure refuses', () => {
  it('a request without a token, with a forged one, an expired one, or one for another service', async () => {
    const here = await withGroup();
    const ask = (authorization?: string) =>
      here.azure.arm({
        method: 'GET',
        url: new URL(`https://management.azure.com${group}?api-version=2024-07-01`),
        headers: authorization ? { authorization } : {},
        body: '',
      });
    const tokenFor = async (resource: string): Promise<string> => {
      const url = new URL(`http://identity/msi/token?api-version=2019-08-01&resource=${resource}`);
      const answer = await here.azure.identity({
        method: 'GET',
        url,
        headers: { 'x-identity-header': here.azure.identityHeader },
        body: '',
      });
      return `Bearer ${(answer.body as { access_token: string }).access_token}`;
    };
    const good = await tokenFor('https://management.azure.com/');
    expect((await ask(good)).status).toBe(200);
    const refused = [await ask(), await ask(`${good}x`), await ask(await tokenFor('https://vault.azure.net'))];
    await here.clock.advance(25 * 3_600_000);
    refused.push(await ask(good));
    expect(refused.map((answer) => [answer.status, codeOf(answer)])).toEqual([
      [401, 'AuthenticationFailed'],
      [401, 'InvalidAuthenticationToken'],
      [401, 'InvalidAuthenticationTokenAudience'],
      [401, 'ExpiredAuthenticationToken'],
    ]);
    expect(
      refused.every((answer) => /^Bearer authorization_uri=/.test(answer.headers?.['www-authenticate'] ?? '')),
    ).toBe(true);
  });

  it.each([
    ['GET', `${group}?api-version=soon`, 400, 'InvalidApiVersionParameter'],
    ['GET', `${group}?api-version=2019-01-01`, 400, 'InvalidApiVersionParameter'],
    ['GET', `${network}?api-version=2024-07-01`, 400, 'NoRegisteredProviderFound'],
    ['POST', `${SET_ID}/start?api-version=2025-05-01`, 400, 'NoRegisteredProviderFound'],
    ['GET', '/subscriptions/99999999-2222-4333-8444-555555555555/resourcegroups', 404, 'SubscriptionNotFound'],
    ['GET', `/subscriptions/${SUBSCRIPTION}/resourceGroups/none`, 404, 'ResourceGroupNotFound'],
    [
      'PUT',
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/none/providers/Microsoft.Network/virtualNetworks/n`,
      404,
      'ResourceGroupNotFound',
    ],
    ['GET', network, 404, 'ResourceNotFound'],
    ['GET', `${group}/providers/Microsoft.Nonsense/things/a`, 404, 'InvalidResourceNamespace'],
    ['GET', `${group}/providers/Microsoft.Network/things/a`, 404, 'InvalidResourceType'],
    ['PUT', network, 400, 'LocationRequired'],
    [
      'GET',
      `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/none`,
      404,
      'NotFound',
    ],
    ['POST', `${SET_ID}/start`, 404, 'ResourceNotFound'],
  ])('%s %s with %i %s', async (method, path, status, code) => {
    const answer = await (await withGroup()).arm(method, path, method === 'PUT' ? {} : undefined);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  });

  it('a version that the type does not have, also in a template, and names those that it has', async () => {
    const here = await withGroup();
    const answer = await here.arm('PUT', `${network}?api-version=2026-03-01`, networkBody);
    expect(answer).toMatchObject({
      status: 400,
      body: {
        error: { message: expect.stringMatching(/API version '2026-03-01' for type 'virtualNetworks'.*2025-05-01/) },
      },
    });
    const template = clusterTemplate(1);
    template.resources = template.resources.map((one) => ({ ...one, apiVersion: '2024-05-01' }));
    const properties = { mode: 'Incremental' as const, template, parameters: { data: { value: 'aGk=' } } };
    await expect(
      here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties }),
    ).rejects.toMatchObject({
      statusCode: 400,
      code: 'NoRegisteredProviderFound',
    });
  });

  it('a request without an api-version, and a body that is no JSON', async () => {
    const here = await withGroup();
    const identity = await here.azure.identity({
      method: 'GET',
      url: new URL('http://i/?api-version=2019-08-01&resource=https://management.azure.com'),
      headers: { 'x-identity-header': here.azure.identityHeader },
      body: '',
    });
    const authorization = `Bearer ${(identity.body as { access_token: string }).access_token}`;
    const ask = (path: string, body: string) =>
      here.azure.arm({
        method: 'PUT',
        url: new URL(`https://management.azure.com${path}`),
        headers: { authorization },
        body,
      });
    expect(codeOf(await ask(group, '{}'))).toBe('MissingApiVersionParameter');
    expect(codeOf(await ask(`${network}?api-version=2024-05-01`, '{"location"'))).toBe('InvalidRequestContent');
  });

  it('a scale set whose subnet is not there, and one that is too large for a single placement group', async () => {
    const here = await withGroup();
    expect(codeOf(await here.arm('PUT', SET_ID, scaleSetBody(1)))).toBe('InvalidResourceReference');
    await here.arm('PUT', network, networkBody);
    const large = await here.arm('PUT', SET_ID, scaleSetBody(101, {}, { singlePlacementGroup: true }));
    expect(large.body).toMatchObject({
      error: { code: 'OperationNotAllowed', message: expect.stringContaining('100') },
    });
    const told = await here.arm(
      'PUT',
      SET_ID,
      scaleSetBody(1, { priority: 'Spot', scheduledEventsProfile: { terminateNotificationProfile: { enable: true } } }),
    );
    expect(codeOf(told)).toBe('OperationNotAllowed');
  });

  it('to put a scale set back into a single placement group', async () => {
    const here = await withGroup();
    await here.arm('PUT', network, networkBody);
    await here.clock.advance(10_000);
    await here.arm('PUT', SET_ID, scaleSetBody(1));
    await here.clock.advance(120_000);
    const back = await here.arm('PATCH', SET_ID, { properties: { singlePlacementGroup: true } });
    expect([back.status, codeOf(back)]).toEqual([400, 'InvalidParameter']);
    expect((await here.arm('PATCH', SET_ID, { tags: { n: '1' } })).status).toBe(200);
  });

  it('to delete a network in use', async () => {
    const here = await withGroup();
    await here.arm('PUT', network, networkBody);
    await here.clock.advance(10_000);
    await here.arm('PUT', SET_ID, scaleSetBody(1));
    expect(codeOf(await here.arm('DELETE', network))).toBe('InUseSubnetCannotBeDeleted');
  });

  it('anything in a resource group that is being deleted', async () => {
    const here = await withGroup();
    await here.arm('PUT', network, networkBody);
    await here.arm('DELETE', group);
    expect(codeOf(await here.arm('PUT', `${network}2`, networkBody))).toBe('ResourceGroupBeingDeleted');
    expect(codeOf(await here.arm('PUT', group, { location: 'westeurope' }))).toBe('ResourceGroupBeingDeleted');
  });

  it('a second deployment of the same name while the first runs', async () => {
    const here = await withGroup();
    await here.resources.resourceGroups.createOrUpdate('demo-storage', { location: 'westeurope' });
    const body = {
      properties: { mode: 'Incremental', template: clusterTemplate(1), parameters: { data: { value: 'aGk=' } } },
    };
    const path = `${group}/providers/Microsoft.Resources/deployments/cluster`;
    expect((await here.arm('PUT', path, body)).status).toBe(201);
    expect(codeOf(await here.arm('PUT', path, body))).toBe('DeploymentActive');
    expect((await here.arm('POST', `${path}/cancel`)).status).toBe(204);
    expect((await here.arm('GET', path)).body).toMatchObject({ properties: { provisioningState: 'Canceled' } });
  });

  it('too many reads in a row, at the front door, and tells what is left before that', async () => {
    const here = await withGroup();
    const answers = [];
    for (let count = 0; count < 260; count += 1) answers.push(await here.arm('GET', group));
    expect(answers[0]?.headers?.['x-ms-ratelimit-remaining-subscription-reads']).toBe('249');
    const refused = answers.find(({ status }) => status === 429);
    expect(refused && codeOf(refused)).toBe('SubscriptionRequestsThrottled');
    await here.clock.advance(2_000);
    expect((await here.arm('GET', group)).status).toBe(200);
  });

  it('a mistaken claim on a name: DNS labels, storage accounts and rule priorities', async () => {
    const here = await withGroup();
    const address = (name: string) =>
      here.arm('PUT', `${group}/providers/Microsoft.Network/publicIPAddresses/${name}`, {
        location: 'westeurope',
        properties: { dnsSettings: { domainNameLabel: 'same' } },
      });
    expect((await address('a')).status).toBe(201);
    expect(codeOf(await address('b'))).toBe('DnsRecordInUse');
    expect(
      codeOf(
        await here.arm('PUT', `${group}/providers/Microsoft.Storage/storageAccounts/Not_Valid`, {
          location: 'westeurope',
        }),
      ),
    ).toBe('AccountNameInvalid');
    const rule = (name: string) => ({
      name,
      properties: { priority: 100, direction: 'Inbound', access: 'Allow', protocol: 'Tcp' },
    });
    const rules = await here.arm('PUT', `${group}/providers/Microsoft.Network/networkSecurityGroups/s`, {
      location: 'westeurope',
      properties: { securityRules: [rule('a'), rule('b')] },
    });
    expect(codeOf(rules)).toBe('SecurityRuleConflict');
  });
});
