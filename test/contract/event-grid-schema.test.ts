import { EventGridDeserializer, isSystemEvent, type EventGridEvent } from '@azure/eventgrid';
import { cloud, SUBSCRIPTION, type Cloud } from './arm-cloud';
import { clusterTemplate, GROUP, SET_ID } from './arm-bodies';

const parameters = { data: { value: 'aGk=' } };
const EVENT_SUBSCRIPTION = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.EventGrid/systemTopics/events/eventSubscriptions/reconcile`;

/** A cluster whose writes, deletes and actions were delivered, in the schema that its subscription asks for. */
async function deliveries(schema: 'EventGridSchema' | 'CloudEventSchemaV1_0'): Promise<Cloud> {
  const here = cloud();
  for (const name of [GROUP, 'demo-storage'])
    await here.resources.resourceGroups.createOrUpdate(name, { location: 'westeurope' });
  const template = clusterTemplate(2);
  const properties = { mode: 'Incremental' as const, template, parameters };
  await here.finish(await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties }));
  const subscription = (await here.arm('GET', EVENT_SUBSCRIPTION)).body as { properties: object };
  await here.arm('PUT', EVENT_SUBSCRIPTION, {
    properties: { ...subscription.properties, eventDeliverySchema: schema, filter: {} },
  });
  await here.clock.advance(60_000);
  here.delivered.length = 0;
  await here.finish(here.compute.virtualMachineScaleSets.update(GROUP, 'agents', { sku: { capacity: 3 } }));
  const ids: string[] = [];
  for await (const { instanceId } of here.compute.virtualMachineScaleSetVMs.list(GROUP, 'agents'))
    ids.push(instanceId ?? '');
  const instanceIds = ids.slice(0, 1);
  await here.finish(here.compute.virtualMachineScaleSets.deleteInstances(GROUP, 'agents', { instanceIds }));
  await here.finish(here.compute.virtualMachines.delete(GROUP, 'master0'));
  await here.clock.advance(60_000);
  return here;
}

const TYPES = [
  'Microsoft.Resources.ResourceWriteSuccess',
  'Microsoft.Resources.ResourceActionSuccess',
  'Microsoft.Resources.ResourceDeleteSuccess',
] as const;
const OPERATIONS = [
  'Microsoft.Compute/virtualMachineScaleSets/write',
  'Microsoft.Compute/virtualMachineScaleSets/delete/action',
  'Microsoft.Compute/virtualMachines/delete',
];

describe('events as the SDK of Event Grid reads them', () => {
  const deserializer = new EventGridDeserializer();

  it('are system events in the Event Grid schema, each narrowed to its data', async () => {
    const { delivered } = await deliveries('EventGridSchema');
    const events: EventGridEvent<unknown>[] = [];
    for (const delivery of delivered)
      events.push(...(await deserializer.deserializeEventGridEvents(JSON.stringify(delivery.events))));
    const told = (type: (typeof TYPES)[number]): (string | undefined)[] => [
      ...new Set(events.flatMap((event) => (isSystemEvent(type, event) ? [event.data.operationName] : []))),
    ];
    expect(TYPES.map(told)).toEqual(OPERATIONS.map((operation) => expect.arrayContaining([operation])));
    const write = events.find((event) => isSystemEvent('Microsoft.Resources.ResourceWriteSuccess', event));
    if (!write || !isSystemEvent('Microsoft.Resources.ResourceWriteSuccess', write))
      throw new Error('no write was told');
    expect(write.eventTime).toBeInstanceOf(Date);
    expect(write.subject.toLowerCase()).toBe(SET_ID.toLowerCase());
    expect(write.data).toMatchObject({
      status: 'Succeeded',
      subscriptionId: SUBSCRIPTION,
      resourceProvider: 'Microsoft.Compute',
      resourceUri: write.subject,
      tenantId: expect.any(String),
      correlationId: expect.any(String),
      httpRequest: { method: 'PATCH', url: '', clientIpAddress: '', clientRequestId: '' },
      authorization: { scope: write.subject, action: 'Microsoft.Compute/virtualMachineScaleSets/write' },
    });
  });

  it('are system events as CloudEvents too', async () => {
    const { delivered } = await deliveries('CloudEventSchemaV1_0');
    const types: string[] = [];
    for (const delivery of delivered)
      for (const event of await deserializer.deserializeCloudEvents(JSON.stringify(delivery.events))) {
        expect(event.source).toMatch(new RegExp(`^/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}$`, 'i'));
        expect(event.time).toBeInstanceOf(Date);
        if (TYPES.some((type) => isSystemEvent(type, event))) types.push(event.type);
      }
    expect(new Set(types)).toEqual(new Set(TYPES));
  });
});
