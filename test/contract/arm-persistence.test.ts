import { restorePoller } from '@azure/arm-compute';
import { cloud } from './arm-cloud';
import { clusterTemplate, GROUP } from './arm-bodies';

const properties = {
  mode: 'Incremental' as const,
  template: clusterTemplate(3),
  parameters: { data: { value: 'aGk=' } },
};

describe('a restart in the middle', () => {
  it.each([1_000, 9_000, 30_000, 45_000])('after %i ms of a deployment loses nothing', async (afterMs) => {
    const first = cloud();
    for (const name of [GROUP, 'demo-storage'])
      await first.resources.resourceGroups.createOrUpdate(name, { location: 'westeurope' });
    await first.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties });
    await first.clock.advance(afterMs);
    first.azure.stop();
    const second = cloud({ store: first.store, clock: first.clock, driver: first.driver });
    await second.clock.advance(300_000);
    expect((await second.resources.deployments.get(GROUP, 'cluster')).properties?.provisioningState).toBe('Succeeded');
    expect(new Set(second.driver.booted.map((spec) => spec.vmId)).size).toBe(4);
    expect(second.driver.booted).toHaveLength(4);
  });

  it('lets a poller that was stored before go on afterwards', async () => {
    const first = cloud();
    for (const name of [GROUP, 'demo-storage'])
      await first.resources.resourceGroups.createOrUpdate(name, { location: 'westeurope' });
    await first.finish(await first.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties }));
    const poller = first.compute.virtualMachineScaleSets.update(GROUP, 'agents', {
      sku: { name: 'Standard_B2s', capacity: 5 },
    });
    await poller.submitted();
    const serialized = await poller.serialize();
    first.azure.stop();
    const second = cloud({ store: first.store, clock: first.clock, driver: first.driver });
    await second.clock.advance(180_000);
    const restored = restorePoller(second.compute, serialized, second.compute.virtualMachineScaleSets.update);
    await restored.poll();
    expect(restored.operationState?.status).toBe('succeeded');
    expect(second.driver.booted).toHaveLength(6);
  });
});
