import type { Core } from './core';
import { ArmError, badRequest } from './arm/errors';
import type { EventDraft } from './arm/operations';
import { keyOf, lastName, parentOf } from './arm/ids';
import { nextNumber, type Resource } from './arm/resources';
import type { ResourceType } from './arm/types';
import { listAt, textAt } from './json';
import type { Delivery } from './event-delivery';

/** An event in Event Grid's own schema. */
export interface GridEvent {
  id: string;
  topic: string;
  subject: string;
  eventType: string;
  eventTime: string;
  dataVersion: string;
  metadataVersion: string;
  data: object;
}

const TOPIC = 'Microsoft.EventGrid/systemTopics';
const SUBSCRIPTION = `${TOPIC}/eventSubscriptions`;

/** System topics of resource groups and their subscriptions. */
export function eventGridTypes(core: Core): ResourceType[] {
  return [
    {
      type: TOPIC,
      latency: (latencies) => latencies.eventGrid,
      prepare: (draft, existing) => topic(core, draft, existing),
    },
    {
      type: SUBSCRIPTION,
      latency: (latencies) => latencies.eventGrid,
      global: true,
      prepare: subscription,
      complete: (resource) => validate(core, resource),
    },
  ];
}

function topic(core: Core, draft: Resource, existing: Resource | undefined): Resource {
  const source = textAt(draft.properties, 'source');
  if (!source || !textAt(draft.properties, 'topicType'))
    throw badRequest('InvalidRequest', 'System topic needs both source and topicType.');
  const other = core.resources
    .below(`/subscriptions/${core.settings.subscriptionId}`)
    .find(
      (one) =>
        one.type === TOPIC &&
        keyOf(textAt(one.properties, 'source') ?? '') === keyOf(source) &&
        keyOf(one.id) !== keyOf(draft.id),
    );
  if (other && !existing)
    throw badRequest(
      'InvalidRequest',
      `Only one system topic is allowed per source. Existing system topic: ${other.id}.`,
    );
  return {
    ...draft,
    properties: { ...draft.properties, metricResourceId: core.chance.guid(`topic/${keyOf(draft.id)}`) },
  };
}

function subscription(draft: Resource): Resource {
  if (!destinationOf(draft))
    throw badRequest(
      'InvalidRequest',
      'The event subscription has no destination that is supported: AzureFunction or WebHook.',
    );
  return { ...draft, properties: { eventDeliverySchema: 'EventGridSchema', ...draft.properties } };
}

/** Resource id of a function, or URL of a webhook. */
export function destinationOf({ properties }: Resource): string | undefined {
  return (
    textAt(properties, 'destination.properties.resourceId') ?? textAt(properties, 'destination.properties.endpointUrl')
  );
}

/** Asks the endpoint whether it wants the events: a subscription cannot be made before its function is there. */
async function validate(core: Core, resource: Resource): Promise<void> {
  const destination = destinationOf(resource) ?? '';
  const event = {
    id: core.chance.guid(`validation/${keyOf(resource.id)}/${core.clock.now()}`),
    topic: parentOf(resource.id),
    subject: '',
    eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
    eventTime: new Date(core.clock.now()).toISOString(),
    dataVersion: '2',
    metadataVersion: '1',
    data: {
      validationCode: core.chance.guid(`code/${keyOf(resource.id)}`),
      validationUrl: `https://rp-local.eventgrid.azure.net:553/eventsubscriptions/${lastName(resource.id)}/validate`,
    },
  };
  const status = await core.settings
    .deliver(destination, [event], {
      'aeg-event-type': 'SubscriptionValidation',
      'aeg-subscription-name': lastName(resource.id).toUpperCase(),
    })
    .catch(() => 0);
  if (status === 200) return;
  throw new ArmError(
    400,
    'Endpoint validation',
    `Destination endpoint not found. Resource details: resourceId: ${destination}. Resource should pre-exist before attempting this operation. (the endpoint answered ${status || 'nothing'})`,
  );
}

/** Turns a request that ended into events for whoever subscribed to its resource group. */
export function emitter(core: Core, delivery: Delivery): Core['emit'] {
  return (draft, succeeded) => {
    const event = eventOf(core, draft, succeeded);
    for (const found of subscriptionsFor(core, draft.subject)) {
      if (wants(found, event)) delivery.enqueue(found, event);
    }
  };
}

function subscriptionsFor(core: Core, subject: string): Resource[] {
  const scope = keyOf(subject);
  const all = core.resources.below(`/subscriptions/${core.settings.subscriptionId}`);
  const sources = new Map(
    all
      .filter((one) => one.type === TOPIC)
      .map((one) => [keyOf(one.id), keyOf(textAt(one.properties, 'source') ?? '')]),
  );
  return all.filter((one) => {
    if (one.type !== SUBSCRIPTION || one.properties.provisioningState !== 'Succeeded') return false;
    const source = sources.get(keyOf(parentOf(one.id)));
    return source !== undefined && (scope === source || scope.startsWith(`${source}/`));
  });
}

function wants({ properties }: Resource, event: GridEvent): boolean {
  const types = listAt(properties, 'filter.includedEventTypes').map(String);
  const begins = textAt(properties, 'filter.subjectBeginsWith') ?? '';
  const ends = textAt(properties, 'filter.subjectEndsWith') ?? '';
  const subject = keyOf(event.subject);
  return (
    (types.length === 0 || types.includes(event.eventType)) &&
    subject.startsWith(begins.toLowerCase()) &&
    subject.endsWith(ends.toLowerCase())
  );
}

function eventOf(core: Core, draft: EventDraft, succeeded: boolean): GridEvent {
  const id = core.chance.guid(`event/${nextNumber(core.store, 'events')}`);
  const subject = respelt(draft.subject, core.chance.unit(`casing/${id}`));
  const { subscriptionId, tenantId } = core.settings;
  const group = /\/resourceGroups\/([^/]+)/i.exec(draft.subject)?.[1] ?? '';
  return {
    id,
    topic: `/subscriptions/${subscriptionId}/resourceGroups/${group}`,
    subject,
    eventType: `Microsoft.Resources.Resource${draft.kind}${succeeded ? 'Success' : 'Failure'}`,
    eventTime: new Date(core.clock.now()).toISOString(),
    dataVersion: '2',
    metadataVersion: '1',
    data: {
      authorization: {
        scope: subject,
        action: draft.operationName,
        evidence: { role: 'Contributor', principalType: 'ServicePrincipal' },
      },
      claims: { appid: core.chance.guid('client'), oid: core.chance.guid('principal') },
      correlationId: core.chance.guid(`correlation/${id}`),
      resourceProvider: draft.operationName.split('/')[0],
      resourceUri: subject,
      operationName: draft.operationName,
      status: succeeded ? 'Succeeded' : 'Failed',
      subscriptionId,
      tenantId,
      httpRequest: { clientRequestId: '', clientIpAddress: '', method: draft.method, url: '' },
    },
  };
}

/** Ids in events do not keep their spelling; some senders write the group in lower or upper case. */
function respelt(id: string, chance: number): string {
  if (chance < 0.4) return id;
  if (chance < 0.7) return id.replace('/resourceGroups/', '/resourcegroups/');
  if (chance < 0.85) return id.toLowerCase();
  return id.replace(/\/resourceGroups\/([^/]+)/, (_, group: string) => `/resourceGroups/${group.toUpperCase()}`);
}
