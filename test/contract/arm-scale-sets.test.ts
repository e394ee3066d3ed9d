import { restorePoller } from '@azure/arm-compute';
import { cloud, type Cloud } from './arm-cloud';
import { GROUP, networkBody, scaleSetBody, SET_ID } from './arm-bodies';

const SET = 'agents';

/** A group with a network and a scale set of `count` instances. */
async function withSet(
  count: number,
  here: Cloud = cloud(),
  profile: object = {},
  properties: object = {},
): Promise<Cloud> {
  await here.resources.resourceGroups.createOrUpdate(GROUP, { location: 'westeurope' });
  const base = SET_ID.split('/providers/')[0];
  await here.arm('PUT', `${base}/providers/Microsoft.Network/virtualNetworks/network`, networkBody);
  await here.clock.advance(20_000);
  const answer = await here.arm('PUT', SET_ID, scaleSetBody(count, profile, properties));
  expect(answer.status).toBe(201);
  await here.clock.advance(180_000);
  return here;
}

async function instances(here: Cloud) {
  const found = [];
  for await (const instance of here.compute.virtualMachineScaleSetVMs.list(GROUP, SET, { expand: 'instanceView' }))
    found.push(instance);
  return found;
}

const capacityOf = async (here: Cloud): Promise<number | undefined> =>
  (await here.compute.virtualMachineScaleSets.get(GROUP, SET)).sku?.capacity;

describe('scale sets through the real SDK', () => {
  it('creates instances with growing ids, unique vmIds, host names in base 36 and running machines', async () => {
    const here = await withSet(12);
    const found = await instances(here);
    expect(found).toHaveLength(12);
    expect(new Set(found.map((one) => one.vmId)).size).toBe(12);
    for (const one of found) {
      expect(one.name).toBe(`agents_${one.instanceId}`);
      expect(one.osProfile?.computerName).toBe(`agents${Number(one.instanceId).toString(36).padStart(6, '0')}`);
      expect(one.instanceView?.statuses?.map((status) => status.code)).toEqual([
        'ProvisioningState/succeeded',
        'PowerState/running',
      ]);
    }
    expect(here.driver.booted.map((spec) => spec.vmId).sort()).toEqual(found.map((one) => one.vmId ?? '').sort());
    expect(new Set(here.driver.booted.map((spec) => spec.privateIp)).size).toBe(12);
  });

  it('pages a listing, and every instance comes exactly once', async () => {
    const here = await withSet(230, cloud({ settings: { quotaCores: 1_000 } }));
    expect(new Set((await instances(here)).map((one) => one.instanceId)).size).toBe(230);
    const requests = await here.control<{ operations: Record<string, number> }>('GET', '/_local/requests');
    expect(requests.body.operations['GET Microsoft.Compute/virtualMachineScaleSets/virtualMachines']).toBe(3);
  });

  it('scales by capacity with If-Match, and refuses a stale one with 412', async () => {
    const here = await withSet(2);
    const stale = await here.compute.virtualMachineScaleSets.get(GROUP, SET);
    await here.finish(
      here.compute.virtualMachineScaleSets.update(
        GROUP,
        SET,
        { sku: { name: 'Standard_B2s', capacity: 4 } },
        { ifMatch: stale.etag },
      ),
    );
    expect(await instances(here)).toHaveLength(4);
    const again = here.compute.virtualMachineScaleSets.update(
      GROUP,
      SET,
      { sku: { name: 'Standard_B2s', capacity: 9 } },
      { ifMatch: stale.etag },
    );
    await expect(again.submitted()).rejects.toMatchObject({ statusCode: 412 });
    expect(await capacityOf(here)).toBe(4);
  });

  it('refuses a size without a capacity', async () => {
    const here = await withSet(2);
    const poller = here.compute.virtualMachineScaleSets.update(GROUP, SET, { sku: { name: 'Standard_D2s_v5' } });
    await expect(poller.submitted()).rejects.toMatchObject({ statusCode: 400, code: 'InvalidParameter' });
    expect(await capacityOf(here)).toBe(2);
  });

  it('deletes exactly the named instances, lowers the capacity at once, and never reuses a vmId', async () => {
    const here = await withSet(4);
    const before = await instances(here);
    const victims = [before[0], before[2]].map((one) => one?.instanceId ?? '');
    const poller = here.compute.virtualMachineScaleSets.deleteInstances(GROUP, SET, { instanceIds: victims });
    await poller.submitted();
    expect(await capacityOf(here)).toBe(2);
    await here.finish(poller);
    const left = await instances(here);
    expect(left.map((one) => one.vmId)).toEqual([before[1]?.vmId, before[3]?.vmId]);
    await here.finish(
      here.compute.virtualMachineScaleSets.update(GROUP, SET, { sku: { name: 'Standard_B2s', capacity: 3 } }),
    );
    const fresh = (await instances(here)).filter((one) => !before.some((old) => old.vmId === one.vmId));
    expect(fresh).toHaveLength(1);
  });

  it('refuses to delete an instance that is not there', async () => {
    const here = await withSet(1);
    const poller = here.compute.virtualMachineScaleSets.deleteInstances(GROUP, SET, { instanceIds: ['77'] });
    await expect(poller.submitted()).rejects.toMatchObject({ statusCode: 400, code: 'InvalidParameter' });
  });

  it('acts on all instances when no ids are given', async () => {
    const here = await withSet(3);
    await here.finish(here.compute.virtualMachineScaleSets.deallocate(GROUP, SET));
    const codes = (await instances(here)).map((one) => one.instanceView?.statuses?.[1]?.code);
    expect(codes).toEqual(['PowerState/deallocated', 'PowerState/deallocated', 'PowerState/deallocated']);
    expect(await capacityOf(here)).toBe(3);
  });

  it('starts, restarts and reimages, and tells the machine what to do', async () => {
    const here = await withSet(1);
    const [one] = await instances(here);
    const id = one?.instanceId ?? '';
    const { virtualMachineScaleSetVMs: vms } = here.compute;
    await here.finish(vms.powerOff(GROUP, SET, id));
    expect((await vms.getInstanceView(GROUP, SET, id)).statuses?.[1]?.code).toBe('PowerState/stopped');
    await here.finish(vms.start(GROUP, SET, id));
    await here.finish(vms.reimage(GROUP, SET, id));
    expect(here.driver.calls).toEqual([
      `boot ${one?.vmId}`,
      `shutdown ${one?.vmId} graceful`,
      `boot ${one?.vmId}`,
      `shutdown ${one?.vmId} hard`,
      `wipe ${one?.vmId}`,
      `boot ${one?.vmId}`,
    ]);
  });

  it('brings new custom data by a reimage only to an instance that was upgraded to the model', async () => {
    const here = await withSet(1);
    const { virtualMachineScaleSetVMs: vms, virtualMachineScaleSets: sets } = here.compute;
    const id = (await instances(here))[0]?.instanceId ?? '';
    const [before, after] = ['#cloud-config', '#cloud-config\n# newer'].map((text) =>
      Buffer.from(text).toString('base64'),
    );
    const osProfile = { computerNamePrefix: 'agents', adminUsername: 'starling', customData: after };
    expect((await here.arm('PUT', SET_ID, scaleSetBody(1, { osProfile }))).status).toBe(200);
    await here.clock.advance(60_000);
    await here.finish(vms.reimage(GROUP, SET, id));
    expect(here.driver.booted.at(-1)?.customData).toBe(before);
    await here.finish(sets.updateInstances(GROUP, SET, { instanceIds: [id] }));
    await here.finish(vms.reimage(GROUP, SET, id));
    expect(here.driver.booted.at(-1)?.customData).toBe(after);
  });

  it('lets a poller be stored and taken up again elsewhere', async () => {
    const here = await withSet(1);
    const poller = here.compute.virtualMachineScaleSets.update(GROUP, SET, {
      sku: { name: 'Standard_B2s', capacity: 2 },
    });
    await poller.submitted();
    const restored = restorePoller(here.compute, await poller.serialize(), here.compute.virtualMachineScaleSets.update);
    await restored.poll();
    expect(restored.isDone).toBe(false);
    await here.clock.advance(180_000);
    await restored.poll();
    expect(restored.operationState?.status).toBe('succeeded');
  });

  it('gives what it has when the region runs out: some run, the rest failed, and so did the operation', async () => {
    const here = await withSet(1);
    await here.control('POST', '/_local/capacity', { size: 'Standard_B2s', available: 2 });
    const poller = here.compute.virtualMachineScaleSets.update(GROUP, SET, {
      sku: { name: 'Standard_B2s', capacity: 5 },
    });
    await expect(here.finish(poller)).rejects.toThrow(/AllocationFailed/);
    const states = (await instances(here)).map((one) => one.provisioningState).sort();
    expect(states).toEqual(['Failed', 'Failed', 'Succeeded', 'Succeeded', 'Succeeded']);
    expect(await capacityOf(here)).toBe(5);
  });

  it('refuses what exceeds the quota, in Azure’s words', async () => {
    const here = await withSet(1, cloud({ settings: { quotaCores: 4 } }));
    const poller = here.compute.virtualMachineScaleSets.update(GROUP, SET, {
      sku: { name: 'Standard_B2s', capacity: 3 },
    });
    await expect(poller.submitted()).rejects.toMatchObject({
      statusCode: 409,
      code: 'OperationNotAllowed',
      message: expect.stringMatching(
        /approved Total Regional Cores quota.*Current Limit: 4, Current Usage: 2, Additional Required: 4/,
      ),
    });
  });

  it('lets a later capacity overtake an earlier one, which ends as preempted', async () => {
    const here = await withSet(1);
    const first = here.compute.virtualMachineScaleSets.update(GROUP, SET, {
      sku: { name: 'Standard_B2s', capacity: 2 },
    });
    await first.submitted();
    await here.finish(
      here.compute.virtualMachineScaleSets.update(GROUP, SET, { sku: { name: 'Standard_B2s', capacity: 3 } }),
    );
    await expect(here.finish(first)).rejects.toThrow(/OperationPreempted/);
    expect(await instances(here)).toHaveLength(3);
  });

  it('refuses to delete instances while the capacity is being written', async () => {
    const here = await withSet(2);
    const [one] = await instances(here);
    await here.compute.virtualMachineScaleSets
      .update(GROUP, SET, { sku: { name: 'Standard_B2s', capacity: 3 } })
      .submitted();
    const poller = here.compute.virtualMachineScaleSets.deleteInstances(GROUP, SET, {
      instanceIds: [one?.instanceId ?? ''],
    });
    await expect(poller.submitted()).rejects.toMatchObject({ statusCode: 409, code: 'OperationNotAllowed' });
  });

  it('throttles the thirteenth write in a row with Retry-After, and lets writes through again later', async () => {
    const here = await withSet(1);
    const write = () => here.arm('PATCH', SET_ID, { tags: { n: '1' } });
    const answers = [];
    for (let count = 0; count < 13; count += 1) answers.push(await write());
    const refused = answers.find((answer) => answer.status === 429);
    expect(answers.filter((answer) => answer.status === 200).length).toBeLessThanOrEqual(12);
    expect(refused?.body).toMatchObject({
      error: { code: 'OperationNotAllowed', details: [{ code: 'TooManyRequests' }] },
    });
    await here.clock.advance(Number(refused?.headers?.['retry-after']) * 1_000);
    expect((await write()).status).toBe(200);
  });

  it('holds a deletion until every machine of the batch approved, at most for its notice', async () => {
    const profile = {
      scheduledEventsProfile: { terminateNotificationProfile: { enable: true, notBeforeTimeout: 'PT5M' } },
    };
    const here = await withSet(3, cloud(), profile);
    const found = await instances(here);
    const ids = found.map((one) => one.instanceId ?? '');
    const poller = here.compute.virtualMachineScaleSets.deleteInstances(GROUP, SET, { instanceIds: ids.slice(0, 2) });
    await poller.submitted();
    const [first, second] = here.driver.announced;
    expect(first?.event).toMatchObject({
      EventType: 'Terminate',
      EventStatus: 'Scheduled',
      Resources: [found[0]?.name],
    });
    here.azure.acknowledge(first?.event.EventId ?? '');
    await here.clock.advance(60_000);
    expect(here.driver.calls.filter((call) => call.startsWith('destroy'))).toHaveLength(0);
    here.azure.acknowledge(second?.event.EventId ?? '');
    await here.clock.advance(60_000);
    expect(here.driver.calls.filter((call) => call.startsWith('destroy'))).toHaveLength(2);
    const third = here.compute.virtualMachineScaleSets.deleteInstances(GROUP, SET, { instanceIds: ids.slice(2) });
    await third.submitted();
    await here.clock.advance(290_000);
    expect(await instances(here)).toHaveLength(1);
    await here.clock.advance(60_000);
    expect(await instances(here)).toHaveLength(0);
  });

  it('may give the id of a deleted instance again, never its vmId', async () => {
    const here = await withSet(10);
    const seen = new Map((await instances(here)).map(({ instanceId, vmId }) => [vmId, instanceId]));
    for (let round = 0; round < 6; round += 1) {
      const instanceIds = (await instances(here)).slice(0, 4).map(({ instanceId }) => instanceId ?? '');
      await here.finish(here.compute.virtualMachineScaleSets.deleteInstances(GROUP, SET, { instanceIds }));
      await here.clock.advance(60_000);
      await here.finish(here.compute.virtualMachineScaleSets.update(GROUP, SET, { sku: { capacity: 10 } }));
      for (const { instanceId, vmId } of await instances(here)) {
        expect(seen.get(vmId) ?? instanceId).toBe(instanceId);
        seen.set(vmId, instanceId);
      }
    }
    expect(seen.size).toBe(10 + 6 * 4);
    expect(new Set(seen.values()).size).toBeLessThan(seen.size);
  });

  it('restarts at once a machine that never asked for scheduled events', async () => {
    const here = await withSet(1);
    const [one] = await instances(here);
    await here.finish(here.compute.virtualMachineScaleSetVMs.restart(GROUP, SET, one?.instanceId ?? ''));
    expect(here.driver.announced).toEqual([]);
    expect(here.driver.calls).toContain(`shutdown ${one?.vmId} graceful`);
  });

  it.each([
    ['restart', 'Reboot', 15],
    ['redeploy', 'Redeploy', 10],
  ] as const)(
    'lets a %s wait for the approval of a machine that listens, at most its notice',
    async (verb, type, minutes) => {
      const here = await withSet(2);
      const [willing, silent] = await instances(here);
      for (const { vmId } of [willing, silent] as { vmId: string }[]) here.driver.listening.add(vmId);
      const pollers = [willing, silent].map((one) =>
        here.compute.virtualMachineScaleSetVMs[verb](GROUP, SET, one?.instanceId ?? ''),
      );
      for (const poller of pollers) await poller.submitted();
      const stopped = (vmId = ''): boolean => here.driver.calls.includes(`shutdown ${vmId} graceful`);
      expect(here.driver.announced.map(({ event }) => event.EventType)).toEqual([type, type]);
      expect(here.driver.announced[0]?.event.Resources).toEqual([willing?.name]);
      here.azure.acknowledge(here.driver.announced[0]?.event.EventId ?? '');
      await here.clock.advance((minutes - 1) * 60_000);
      expect([stopped(willing?.vmId), stopped(silent?.vmId)]).toEqual([true, false]);
      await here.clock.advance(2 * 60_000);
      expect(stopped(silent?.vmId)).toBe(true);
      for (const poller of pollers) await here.finish(poller);
    },
  );

  it('evicts Spot instances by their policy after a Preempt notice, and tells no event of it', async () => {
    const here = await withSet(2, cloud(), { priority: 'Spot', evictionPolicy: 'Delete' });
    const [one] = await instances(here);
    await here.compute.virtualMachineScaleSetVMs.simulateEviction(GROUP, SET, one?.instanceId ?? '');
    await here.clock.advance(60_000);
    expect(here.driver.announced[0]?.event).toMatchObject({ EventType: 'Preempt', EventSource: 'Platform' });
    expect((await instances(here)).map((left) => left.instanceId)).not.toContain(one?.instanceId);
    expect(await capacityOf(here)).toBe(1);
  });

  it('refuses to simulate the eviction of a regular instance', async () => {
    const here = await withSet(1);
    const [one] = await instances(here);
    await expect(
      here.compute.virtualMachineScaleSetVMs.simulateEviction(GROUP, SET, one?.instanceId ?? ''),
    ).rejects.toMatchObject({ statusCode: 409 });
  });

  it('makes and removes ghosts when overprovisioning was left on', async () => {
    const here = await withSet(10, cloud(), {}, { overprovision: true });
    expect(here.driver.booted).toHaveLength(12);
    expect(await instances(here)).toHaveLength(10);
  });

  it('runs a command and answers its output; a dead guest makes it last for ninety minutes', async () => {
    const here = await withSet(1);
    const [one] = await instances(here);
    const command = { commandId: 'RunShellScript', script: ['uptime'] };
    const done = await here.finish(
      here.compute.virtualMachineScaleSetVMs.runCommand(GROUP, SET, one?.instanceId ?? '', command),
    );
    expect(done.value?.[0]?.message).toContain('[stdout]\nran uptime');
    await here.control('POST', `/_local/instances/demo/${one?.instanceId}/hang`);
    const poller = here.compute.virtualMachineScaleSetVMs.runCommand(GROUP, SET, one?.instanceId ?? '', command);
    await poller.submitted();
    await here.clock.advance(80 * 60_000);
    await poller.poll();
    expect(poller.isDone).toBe(false);
    await here.clock.advance(15 * 60_000);
    await expect(here.finish(poller)).rejects.toThrow(/VMExtensionProvisioningTimeout/);
  });
});
