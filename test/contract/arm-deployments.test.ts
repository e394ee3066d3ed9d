import { cloud, type Cloud } from './arm-cloud';
import { clusterTemplate, GROUP, SET_ID } from './arm-bodies';

async function groups({ resources }: Cloud): Promise<void> {
  await resources.resourceGroups.createOrUpdate(GROUP, { location: 'westeurope', tags: { cluster: 'demo' } });
  await resources.resourceGroups.createOrUpdate('demo-storage', { location: 'westeurope', tags: { cluster: 'demo' } });
}

const properties = (agents: number | string = 3) => ({
  mode: 'Incremental' as const,
  template: clusterTemplate(agents),
  parameters: { data: { value: Buffer.from('#cloud-config').toString('base64') } },
});

describe('deployments through the real SDK', () => {
  it('deploys a cluster, lists every operation, and puts out the name of the master', async () => {
    const here = cloud();
    await groups(here);
    const result = await here.finish(
      await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties() }),
    );
    expect(result.properties?.provisioningState).toBe('Succeeded');
    const outputs = result.properties?.outputs as Record<string, { value: string }>;
    expect(outputs.fqdn?.value).toMatch(/^demo-[a-z2-7]{13}\.westeurope\.cloudapp\.azure\.com$/);
    const operations = [];
    for await (const operation of here.resources.deploymentOperations.list(GROUP, 'cluster'))
      operations.push(operation.properties);
    expect(operations).toHaveLength(8);
    expect(operations.every((operation) => operation?.provisioningState === 'Succeeded')).toBe(true);
    const master = here.driver.booted.find((spec) => spec.name === 'master0');
    expect(master?.fqdn).toBe(outputs.fqdn?.value);
    expect(here.driver.booted).toHaveLength(4);
    const nested = await here.resources.deployments.get('demo-storage', 'demo-storage');
    expect(nested.properties?.provisioningState).toBe('Succeeded');
  });

  it('never shows a secure parameter, a password or custom data again', async () => {
    const here = cloud();
    await groups(here);
    const done = await here.finish(
      await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties() }),
    );
    const vm = await here.arm(
      'GET',
      `/subscriptions/${done.id?.split('/')[2]}/resourceGroups/${GROUP}/providers/Microsoft.Compute/virtualMachines/master0`,
    );
    const state = await here.control('GET', '/_local/state');
    for (const shown of [done, vm.body, state.body]) expect(JSON.stringify(shown)).not.toContain('hush');
    for (const shown of [vm.body, state.body]) expect(JSON.stringify(shown)).not.toContain('I2Nsb3VkLWNvbmZpZw');
  });

  it('never shows custom data of a scale set or its instances, but exports the template as it was submitted', async () => {
    const here = cloud();
    await groups(here);
    const tags = { cluster: 'demo' };
    const done = await here.finish(
      await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties(1), tags }),
    );
    expect([done.tags, (await here.resources.deployments.get(GROUP, 'cluster')).tags]).toEqual([tags, tags]);
    const shown = [];
    for (const path of [SET_ID, `${SET_ID}/virtualMachines`, `${SET_ID}/virtualMachines?$expand=instanceView`])
      shown.push(JSON.stringify((await here.arm('GET', path)).body));
    for (const text of shown) expect(text).not.toMatch(/I2Nsb3VkLWNvbmZpZw|customData/);
    const exported = await here.resources.deployments.exportTemplate(GROUP, 'cluster');
    expect(exported.template).toEqual(clusterTemplate(1));
  });

  it('can be submitted again without touching what stands', async () => {
    const here = cloud();
    await groups(here);
    const submit = async () =>
      here.finish(
        await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', {
          properties: { ...properties(), parameters: { data: { value: 'aGk=' } } },
        }),
      );
    await submit();
    const before = here.driver.calls.length;
    const again = await submit();
    expect(again.properties?.provisioningState).toBe('Succeeded');
    expect(here.driver.calls).toHaveLength(before);
  });

  it('refuses a template that cannot work before it creates anything', async () => {
    const here = cloud();
    await groups(here);
    const template = clusterTemplate();
    template.resources[3]!.dependsOn = ['nowhere'];
    const attempt = here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', {
      properties: { ...properties(), template },
    });
    await expect(attempt).rejects.toMatchObject({ statusCode: 400, code: 'InvalidTemplate' });
    expect(here.driver.booted).toHaveLength(0);
  });

  it('refuses at preflight what exceeds a quota', async () => {
    const here = cloud({ settings: { quotaCores: 6 } });
    await groups(here);
    const attempt = here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties() });
    await expect(attempt).rejects.toMatchObject({
      statusCode: 400,
      code: 'InvalidTemplateDeployment',
      details: { error: { details: [{ code: 'QuotaExceeded' }] } },
    });
  });

  it('fails with AllocationFailed inside when the region is full, and keeps what came', async () => {
    const here = cloud();
    await groups(here);
    await here.control('POST', '/_local/capacity', { available: 3 });
    const poller = await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties() });
    await expect(here.finish(poller)).rejects.toThrow(/DeploymentFailed/);
    const failed = await here.resources.deployments.get(GROUP, 'cluster');
    expect(failed.properties?.error).toMatchObject({
      code: 'DeploymentFailed',
      details: [{ code: 'ResourceDeploymentFailure', details: [{ code: 'AllocationFailed' }] }],
    });
    expect(here.driver.booted).toHaveLength(3);
  });

  it('fails when the function that wants the events is not there', async () => {
    const here = cloud({ answer: () => 404 });
    await groups(here);
    const poller = await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties() });
    await expect(here.finish(poller)).rejects.toThrow();
    const failed = await here.resources.deployments.get(GROUP, 'cluster');
    expect(JSON.stringify(failed.properties?.error)).toContain('Destination endpoint not found');
  });

  it('deletes a resource group with all that is in it, and answers 404 afterwards', async () => {
    const here = cloud();
    await groups(here);
    await here.finish(
      await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties() }),
    );
    await here.finish(await here.resources.resourceGroups.beginDelete(GROUP));
    await expect(here.resources.resourceGroups.get(GROUP)).rejects.toMatchObject({
      statusCode: 404,
      code: 'ResourceGroupNotFound',
    });
    expect(here.driver.calls.filter((call) => call.startsWith('destroy'))).toHaveLength(4);
    const tagged = [];
    for await (const group of here.resources.resourceGroups.list({
      filter: "tagName eq 'cluster' and tagValue eq 'demo'",
    }))
      tagged.push(group.name);
    expect(tagged).toEqual(['demo-storage']);
  });

  it.each([2_000, 15_000, 40_000])(
    'deletes a group %i ms into its deployment without anything coming back',
    async (afterMs) => {
      const here = cloud();
      await groups(here);
      await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties: properties() });
      await here.clock.advance(afterMs);
      await here.finish(await here.resources.resourceGroups.beginDelete(GROUP));
      await here.clock.advance(600_000);
      const state = await here.control<{ resources: { id: string }[]; vms: unknown[] }>('GET', '/_local/state');
      expect(state.body.vms).toEqual([]);
      expect(state.body.resources.filter(({ id }) => id.includes(GROUP))).toEqual([]);
      expect(here.driver.calls.filter((call) => call.startsWith('boot')).length).toBeLessThanOrEqual(
        here.driver.calls.filter((call) => call.startsWith('destroy')).length,
      );
    },
  );
});
