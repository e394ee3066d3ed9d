import type { AzureFunctionEventSubscriptionDestination, EventSubscription, SystemTopic } from '@azure/arm-eventgrid';
import { type ArmResource, type Body, resourceId } from './arm';
import type { ClusterTemplateInput } from './input';
import { clusterTags } from './names';

const API_VERSION = '2022-06-15';

type FunctionDestination = {
  endpointType: AzureFunctionEventSubscriptionDestination['endpointType'];
  properties: Omit<AzureFunctionEventSubscriptionDestination, 'endpointType'>;
};
type SubscriptionBody = Body<EventSubscription, { destination: FunctionDestination }>;

/** Tells the app that something about the machines changed. A hint only: what is lost, the reconcile timer finds. */
export function eventResources(input: ClusterTemplateInput): ArmResource[] {
  const topicName = `${input.cluster}-events`;
  return [topic(input, topicName), subscription(input, topicName)];
}

function topic({ cluster }: ClusterTemplateInput, name: string): ArmResource<Body<SystemTopic>> {
  return {
    type: 'Microsoft.EventGrid/systemTopics',
    apiVersion: API_VERSION,
    name,
    // Topics of resource groups exist only here.
    location: 'global',
    tags: clusterTags(cluster),
    properties: { source: '[resourceGroup().id]', topicType: 'Microsoft.Resources.ResourceGroups' },
  };
}

/** Deployable only because the function exists already: it is the one that submits this template. */
function subscription({ app }: ClusterTemplateInput, topicName: string): ArmResource<SubscriptionBody> {
  return {
    type: 'Microsoft.EventGrid/systemTopics/eventSubscriptions',
    apiVersion: API_VERSION,
    name: `${topicName}/reconcile`,
    dependsOn: [resourceId('Microsoft.EventGrid/systemTopics', topicName)],
    properties: {
      destination: {
        endpointType: 'AzureFunction',
        // One event a call: each is acknowledged, or tried again, by itself.
        properties: { resourceId: `${app.functionAppId}/functions/${app.eventFunctionName}`, maxEventsPerBatch: 1 },
      },
      eventDeliverySchema: 'EventGridSchema',
      filter: {
        subjectBeginsWith: "[concat(resourceGroup().id, '/providers/Microsoft.Compute/')]",
        // Azure's own spelling of ids varies.
        isSubjectCaseSensitive: false,
        includedEventTypes: [
          'Microsoft.Resources.ResourceWriteSuccess',
          'Microsoft.Resources.ResourceDeleteSuccess',
          'Microsoft.Resources.ResourceActionSuccess',
        ],
      },
      // Azure's maxima; a day-old hint is still a reason to look.
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 },
    },
  };
}
