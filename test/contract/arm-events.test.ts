import { cloud, type Cloud, type CloudOptions } from './arm-cloud';
import { clusterTemplate, GROUP, SET_ID } from './arm-bodies';

async function deployed(options: CloudOptions = {}): Promise<Cloud> {
  const here = cloud(options);
  for (const name of [GROUP, 'demo-storage'])
    await here.resources.resourceGroups.createOrUpdate(name, { location: 'westeurope' });
  const properties = {
    mode: 'Incremental' as const,
    template: clusterTemplate(2),
    parameters: { data: { value: 'aGk=' } },
  };
  await here.finish(await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties }));
  await here.clock.advance(120_000);
  return here;
}

const subjects = (here: Cloud): string[] =>
  here.delivered
    .filter(({ headers }) => headers['aeg-event-type'] === 'Notification')
    .flatMap(({ events }) => events.map((event) => event.subject));
const resize = async (here: Cloud, capacity: number): Promise<void> => {
  await here.finish(
    here.compute.virtualMachineScaleSets.update(GROUP, 'agents', { sku: { name: 'Standard_B2s', capacity } }),
  );
};
const ids = (here: Cloud): string[] => here.delivered.flatMap(({ events }) => events.map((event) => event.id));

describe('events of a resource group', () => {
  it('asks the function for its consent before the subscription stands', async () => {
    const here = await deployed();
    expect(here.delivered[0]).toMatchObject({
      destination: expect.stringContaining('/functions/onEvent'),
      headers: { 'aeg-event-type': 'SubscriptionValidation' },
      events: [{ eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent' }],
    });
  });

  it('names only the scale set when its capacity changes or instances are deleted in a batch', async () => {
    const here = await deployed();
    const before = here.delivered.length;
    await resize(here, 4);
    await here.finish(here.compute.virtualMachineScaleSets.deleteInstances(GROUP, 'agents', { instanceIds: ['0'] }));
    await here.clock.advance(60_000);
    const events = here.delivered.slice(before).flatMap((one) => one.events);
    expect(new Set(events.map((event) => event.data.operationName))).toEqual(
      new Set([
        'Microsoft.Compute/virtualMachineScaleSets/write',
        'Microsoft.Compute/virtualMachineScaleSets/delete/action',
      ]),
    );
    expect(new Set(events.map((event) => event.subject.toLowerCase()))).toEqual(new Set([SET_ID.toLowerCase()]));
  });

  it('spells ids differently from event to event', async () => {
    const here = await deployed();
    for (let capacity = 3; capacity < 9; capacity += 1) {
      await resize(here, capacity);
      await here.clock.advance(60_000);
    }
    expect(
      new Set(subjects(here).filter((subject) => subject.toLowerCase() === SET_ID.toLowerCase())).size,
    ).toBeGreaterThan(1);
  });

  it('tries again while the function fails, but not after 400, 401 or 413', async () => {
    let answer = 200;
    const here = await deployed({ answer: () => answer });
    const before = here.delivered.length;
    answer = 503;
    await resize(here, 3);
    await here.clock.advance(20_000);
    answer = 200;
    await here.clock.advance(60_000);
    expect(here.delivered.length).toBeGreaterThan(before);
    const after = here.delivered.length;
    answer = 401;
    await resize(here, 4);
    await here.clock.advance(20_000);
    answer = 200;
    await here.clock.advance(24 * 3_600_000);
    expect(here.delivered).toHaveLength(after);
  });

  it('delivers twice, shuffled or not at all when asked to', async () => {
    const here = await deployed();
    await here.control('POST', '/_local/events', { mode: 'drop' });
    const before = here.delivered.length;
    await resize(here, 3);
    await here.clock.advance(300_000);
    expect(here.delivered).toHaveLength(before);
    await here.control('POST', '/_local/events', { mode: 'duplicate' });
    await resize(here, 4);
    await here.clock.advance(60_000);
    const [first, second] = ids(here).slice(-2);
    expect(second).toBe(first);
    await here.control('POST', '/_local/events', { mode: 'reorder', delayMs: 5_000 });
    await resize(here, 5);
    await here.clock.advance(120_000);
    expect(here.delivered.length).toBeGreaterThan(before + 2);
  });

  it('tells of a change made outside, as of any other', async () => {
    const here = await deployed();
    const before = here.delivered.length;
    const answer = await here.control('POST', '/_local/scale-sets/demo', { capacity: 5 });
    expect(answer.status).toBe(200);
    await here.clock.advance(180_000);
    expect((await here.compute.virtualMachineScaleSets.get(GROUP, 'agents')).sku?.capacity).toBe(5);
    expect(here.delivered.length).toBeGreaterThan(before);
  });
});
